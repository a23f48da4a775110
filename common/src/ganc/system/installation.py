"""What is installed here and whether it works: packages, tools, Paddle and its device, engines."""

import importlib.metadata
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ganc.base.engine_table import EngineRow, in_order
from ganc.base.errors import GancError
from ganc.base.extras import CORE, OPTIONAL, PADDLE, PURPOSES, TOOLS, Package, install_command, install_tools
from ganc.base.reading import one_line
from ganc.system.children import Children
from ganc.system.runtime import GPU_BUILD
from ganc.system.trial import Trial, try_out
from ganc.system.versions import paddle_versions, version_of

COMMON = "ganc-common"
# Paddle 2.6, the newest build for GPUs on the index, is compiled for GPUs up to compute capability 8.6, which run on
# all of generation 8.
OLD_PADDLE, OLD_PADDLE_RUNS = "2.", 8
OWN_BUILD = "Paddle's own build for GPUs (docs/install.md)"


class State(Enum):
    """Whether a package can be used."""

    WORKS = "works"
    MISSING = "missing"
    OUTDATED = "outdated"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A package or a tool.

    Attributes:
        name: of its distribution.
        version: None where it is not installed.
        state: whether it can be used.
        extras: those of ganc-common that bring it; none of what comes with ganc-common, and of a tool.
        why: what is wrong with it; empty where nothing is.
        cure: what to type against that, or that brings it; empty where `why` says it.
        needed: whether something is wrong where it is missing.
    """

    name: str
    version: str | None
    state: State
    extras: tuple[str, ...] = ()
    why: str = ""
    cure: str = ""
    needed: bool = False

    @property
    def is_problem(self) -> bool:
        return self.state is not State.WORKS and (self.needed or self.state is not State.MISSING)


@dataclass(frozen=True, kw_only=True)
class Installation:
    """What is installed.

    Attributes:
        parts: the packages of other projects, those that come with ganc-common first.
        tools: the six.
        paddle: what Paddle said of itself: `version`, `cuda`, `device` and `gpus`; empty where it cannot be imported.
        builds: the distributions of Paddle, with their versions.
        other_gpus: names and compute capabilities of NVIDIA's GPUs that the driver knows and Paddle does not use.
    """

    parts: Sequence[Part]
    tools: Sequence[Part]
    paddle: Mapping[str, Any] = field(default_factory=dict)
    builds: Mapping[str, str] = field(default_factory=dict)
    other_gpus: Sequence[Mapping[str, str]] = ()

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What is wrong, each with what to do against it; that is empty where it is said already."""
        found = [(f"{part.name}: {part.why}", part.cure) for part in (*self.parts, *self.tools) if part.is_problem]
        if len(self.builds) > 1:
            both = " and ".join(f"{name} {version}" for name, version in self.builds.items())
            cure = f"pip uninstall {' '.join(self.builds)}, then install one: {install_command('cpu', 'gpu')}"
            found.append((f"{both} are one folder, and overwrite each other", cure))
        for gpu in self.paddle.get("gpus", ()):
            if is_too_new(gpu["capability"], self.paddle["version"]):
                why = f"{gpu['name']}: Paddle {self.paddle['version']} has kernels for compute capabilities 5.0 to 8.6"
                found.append((f"{why}, this one has {gpu['capability']}", f"install {OWN_BUILD}"))
        return found

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What could be better, each with what to do for it."""
        if not self.paddle:
            return []
        if not self.other_gpus:
            alone = self.paddle["cuda"] and not self.paddle["gpus"]
            return [("Paddle's build is for GPUs, and neither it nor nvidia-smi finds one here", "")] if alone else []
        names = ", ".join(gpu["name"] for gpu in self.other_gpus)
        if self.paddle["cuda"]:
            return [(f"{names}: Paddle finds no GPU", f"see that its driver can run CUDA {self.paddle['cuda']}")]
        new = any(is_too_new(gpu["capability"], OLD_PADDLE) for gpu in self.other_gpus)
        cure = f"pip uninstall paddlepaddle, and install {OWN_BUILD}" if new else GPU_BUILD
        return [(f"{names}: Paddle's build is for processors and does not use it", cure)]

    @property
    def missing_extras(self) -> dict[str, str]:
        """The extras of which a package is not installed, each with what it is for; not those of Paddle."""
        names = [extra for part in self.parts if part.state is State.MISSING for extra in part.extras]
        return {name: purpose for name, purpose in PURPOSES.items() if name in names and name not in PADDLE.extras}

    @property
    def missing_tools(self) -> list[str]:
        """The tools that are not installed."""
        return [tool.name for tool in self.tools if tool.state is State.MISSING]

    def lacking(self, row: EngineRow) -> list[str]:
        """Return the packages that an engine needs and that are missing or do not work."""
        working = {part.name for part in self.parts if part.state is State.WORKS}
        return [name for package in row.packages if (name := _distribution(package)) not in working]

    @property
    def engines(self) -> list[tuple[EngineRow, list[str]]]:
        """The engines, the preferred one on this device first, and what each lacks."""
        on_gpu = str(self.paddle.get("device", "")).startswith("gpu")
        return [(row, self.lacking(row)) for row in in_order(on_gpu)]


def is_too_new(capability: str, paddle_version: str) -> bool:
    """Whether a GPU of a compute capability, such as 9.0, is none that a version of Paddle has kernels for."""
    return paddle_version.startswith(OLD_PADDLE) and int(capability.partition(".")[0] or 0) > OLD_PADDLE_RUNS


def examine(readers: Mapping[Package, Callable[[], object]]) -> Installation:
    """Look at all packages and tools, and import the packages in other processes.

    Args:
        readers: of packages that hold weights alone, and are not imported: each raises GancError for its damaged file.
    """
    packages = (*CORE, *OPTIONAL)
    tried = [package.module for package in packages if package.installed and package not in readers]
    groups = [[PADDLE.module], [module for module in tried if module != PADDLE.module]]  # which take as long
    with ThreadPoolExecutor() as pool, Children() as children:
        gpus = pool.submit(_driver_gpus, children)
        tries = [pool.submit(try_out, group, children=children) for group in groups if {*group} <= {*tried}]
        trials = {module: trial for one in tries for module, trial in one.result().items()}
        of_driver = gpus.result()
    trials |= {package.module: _read(read) for package, read in readers.items() if package.installed}
    bounds, facts = _bounds(), trials.get(PADDLE.module, Trial()).facts
    return Installation(
        parts=[_part(package, trials.get(package.module, Trial()), bounds) for package in packages],
        tools=[_tool(name) for name in TOOLS],
        paddle=facts,
        builds=paddle_versions(),
        other_gpus=[] if facts.get("gpus") else of_driver,
    )


def _read(read: Callable[[], object]) -> Trial:
    try:
        read()
    except GancError as error:  # which ends with what to do
        return Trial(one_line(error), advised=True)
    except ImportError as error:  # of what reading needs, which is named by itself
        return Trial(f"{type(error).__name__}: {one_line(error)[:300]}")
    return Trial()


def _distribution(package: Package) -> str:
    if package is PADDLE:
        return next(iter(paddle_versions()), "paddlepaddle")
    return package.title or package.module


def _part(package: Package, trial: Trial, bounds: Mapping[str, Any]) -> Part:
    name, needed = _distribution(package), not package.extras or package is PADDLE
    version, brings = version_of(name), install_command(*package.extras) if package.extras else f"pip install {name}"
    wanted = bounds.get(_normal(name))
    if not package.installed:
        state, why, cure = State.MISSING, "is not installed", brings
    elif trial.error:
        again = f"pip install --force-reinstall {name}{f'=={version}' if version else ''}"
        state, why, cure = State.BROKEN, trial.error, "" if trial.advised else again
    elif wanted is not None and version and version not in wanted:
        state, why, cure = State.OUTDATED, f"is {version}, expected {wanted}", f"pip install '{name}{wanted}'"
    else:
        state, why, cure = State.WORKS, "", ""
    return Part(name=name, version=version, state=state, extras=package.extras, why=why, cure=cure, needed=needed)


def _tool(name: str) -> Part:
    version, own = version_of(name), version_of(COMMON)
    if version is None:
        why, cure = "is not installed", install_tools(name)
        return Part(name=name, version=None, state=State.MISSING, why=why, cure=cure)
    wanted = _bounds(name).get(COMMON)
    if wanted is not None and own and own not in wanted:
        why = f"{version} goes with {COMMON} {wanted}, and {own} is installed"
        return Part(name=name, version=version, state=State.OUTDATED, why=why, cure=install_tools(name))
    return Part(name=name, version=version, state=State.WORKS)


def _bounds(distribution: str = COMMON) -> dict[str, Any]:
    """Return the versions that a distribution asks for, by the names of its requirements; {} where nothing is known."""
    try:
        from packaging.requirements import Requirement
        from packaging.specifiers import SpecifierSet
    except Exception:  # not installed, or broken: it is one of the parts that are looked at
        return {}
    try:
        texts = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    found: dict[str, Any] = {}
    for one in map(Requirement, texts):
        name = _normal(one.name)
        if "gpu" not in str(one.marker) or "gpu" in name:  # the NumPy of Paddle's GPU build is no matter without it
            found[name] = found.get(name, SpecifierSet()) & one.specifier
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def _driver_gpus(children: Children) -> list[dict[str, str]]:
    """Return NVIDIA's GPUs as the driver's own program lists them; none where it is absent or fails."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        done = children.run(command, 20, text=True, errors="replace")
    except (OSError, subprocess.SubprocessError):
        return []
    if done.returncode:
        return []
    rows = [line.rpartition(",") for line in done.stdout.splitlines() if line.strip()]
    return [{"name": name.strip(), "capability": capability.strip()} for name, _, capability in rows]
