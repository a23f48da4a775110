"""Build the source distribution and the wheel of ganc-common and the six tools.

Run by `make wheels` as `build_packages.py FOLDER`, with the Python of an environment that has setuptools. Each wheel is
built from its source distribution, which so is known to be complete; that from a copy: setuptools leaves a build folder
beside the sources, and takes files from an older one. In the copy, the README's links to the rest of the repository
become text, since an index has no such files; what stays are addresses, and places in the same text.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NAMES = ("common", "replace", "distill", "supernet", "search", "finetune", "export")
LEFTOVERS = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
BUILD_SOURCE = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


class CheckError(Exception):
    """A command failed; the text is the command with what it printed."""


def run(*arguments: str | Path, folder: Path) -> str:
    """Run a command in a folder, without the caller's PYTHONPATH, and return its standard output.

    Raises:
        CheckError: its exit status is not 0.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(argument) for argument in arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise CheckError(f"$ {' '.join(command)}\n{done.stdout}{done.stderr}exit status {done.returncode}")
    return done.stdout


def source_of(name: str) -> Path:
    """Return the folder of a distribution by its short name: common, or a tool."""
    return ROOT / "common" if name == "common" else ROOT / "tools" / name


def standalone(text: str, folder: Path) -> str:
    """Return a README of `folder` with links to other files of the repository as text that names them."""

    def as_text(match: re.Match[str]) -> str:
        title, target = match.groups()
        file = target.partition("#")[0]
        if "://" in target or not file:
            return match[0]
        place = Path(os.path.normpath(folder / file)).relative_to(ROOT).as_posix()
        return f"`{place}`" if title.strip("`") == place else f"{title} (`{place}` in the repository)"

    return LINK.sub(as_text, text)


def build(name: str, work: Path, target: Path) -> dict[str, Path]:
    """Build one distribution into the folder `target` and return its files: `sdist` and `wheel`.

    Raises:
        CheckError: pyproject.toml is missing, or a build failed.
    """
    source = source_of(name)
    if not (source / "pyproject.toml").is_file():
        raise CheckError(f"{source}: not a distribution, pyproject.toml is missing")
    copy = shutil.copytree(source, work / "sources" / name, ignore=LEFTOVERS)
    (copy / "README.md").write_text(standalone((source / "README.md").read_text("utf-8"), source), "utf-8")
    made = work / "made" / name
    made.mkdir(parents=True)
    run(sys.executable, "-c", BUILD_SOURCE, made, folder=copy)
    (sdist,) = made.glob("*.tar.gz")
    pip = (sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation")
    run(*pip, "-w", made, sdist, folder=work)
    (wheel,) = made.glob("*.whl")
    target.mkdir(parents=True, exist_ok=True)
    return {"sdist": Path(shutil.copy2(sdist, target)), "wheel": Path(shutil.copy2(wheel, target))}


def build_all(work: Path, target: Path) -> Mapping[str, dict[str, Path]]:
    """Build all seven into the folder `target`; return their files by short name."""
    return {name: build(name, work, target) for name in NAMES}


def main() -> None:
    """Build into the folder that the only argument names, and print the files."""
    target = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="ganc-build-") as work:
        try:
            built = build_all(Path(work), target)
        except CheckError as error:
            sys.exit(str(error))
    for files in built.values():
        for path in files.values():
            print(f"{os.path.relpath(path)} ({path.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
