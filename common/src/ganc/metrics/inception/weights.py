"""The weights of Inception-v3, FID variant: from the public PyTorch file to a ganc file, and from there folded."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ganc.base.cache import default_cache
from ganc.base.digests import tensors_digest
from ganc.base.errors import FileFormatError, StatisticsError
from ganc.files.tensors import read_tensors, write_tensors
from ganc.metrics.inception.architecture import EPSILON, InceptionSpec, description
from ganc.models.convolutions import NetworkState

NAME = "inception-v3-fid"
FORMAT = "ganc-inception"
VERSION, WITHOUT_CHECKSUM = 2, (1,)
PUBLIC_FILE = "pt_inception-2015-12-05-6726825d.pth"

# All that happens between 8-bit images and features beside the network itself; part of the digest.
PREPROCESSING = "[0, 1], 299x299 bilinear, half-pixel centres, no antialiasing, 2x - 1; mean over positions"

_NORM = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True, eq=False)
class InceptionWeights:
    """Every convolution's and batch norm's tensors, by the names of the public PyTorch weights.

    Attributes:
        tensors: NAME.conv.weight (out, in, h, w) and NAME.bn.… (out,), float32.
    """

    tensors: Mapping[str, np.ndarray]

    @cached_property
    def digest(self) -> str:
        """Digest of name, preprocessing, architecture and weights."""
        return tensors_digest([NAME, PREPROCESSING, EPSILON, description()], self.tensors)

    @cached_property
    def folded(self) -> NetworkState:
        """The network with each batch norm inside its convolution."""
        folded = {}
        for plan in InceptionSpec().convolutions():
            scale, shift, mean, variance = (self.tensors[f"{plan.name}.bn.{key}"].astype(np.float64) for key in _NORM)
            factor = scale / np.sqrt(variance + EPSILON)
            kernel = self.tensors[f"{plan.name}.conv.weight"] * factor[:, None, None, None]
            folded[f"{plan.name}.weight"] = kernel.astype(np.float32)
            folded[f"{plan.name}.bias"] = (shift - mean * factor).astype(np.float32)
        return NetworkState(InceptionSpec(), folded)


def weights_from(tensors: Mapping[str, np.ndarray], source: object) -> InceptionWeights:
    """Return the weights that a state of the public PyTorch network holds; its classifier is left out.

    Raises:
        FileFormatError: a tensor is missing, of another shape, or not finite; `source` and the first such are named.
    """
    taken = {}
    for name, shape in _shapes().items():
        array = tensors.get(name)
        if array is None:
            raise FileFormatError(f"{source}: has no {name}; expected the weights of PyTorch's FID, {PUBLIC_FILE}")
        if tuple(array.shape) != shape or array.dtype.kind != "f":
            raise FileFormatError(
                f"{source}: {name} has shape {tuple(array.shape)} of {array.dtype}, expected {shape} of floats"
            )
        if not np.isfinite(array).all() or (name.endswith("running_var") and (array < 0).any()):
            raise FileFormatError(f"{source}: {name} holds numbers that no network has; copy the file again")
        taken[name] = np.ascontiguousarray(array, np.float32)
    return InceptionWeights(taken)


def write_weights(path: Path, weights: InceptionWeights) -> None:
    """Write a ganc file of the weights; equal weights give equal bytes. Raises WriteError."""
    write_tensors(path, {"format": FORMAT, "version": VERSION, "feature_set": NAME}, weights.tensors)


def read_weights(path: Path) -> InceptionWeights:
    """Read what `write_weights` wrote.

    Raises:
        FileFormatError: no such file, another kind or version, truncated, or a tensor does not fit (named).
    """
    _, tensors = read_tensors(path, FORMAT, VERSION, WITHOUT_CHECKSUM)
    return weights_from(tensors, path)


def default_weights_file() -> Path:
    """Return where the weights are looked for: $GANC_INCEPTION, else a file in ganc's cache folder."""
    return Path(os.environ.get("GANC_INCEPTION") or default_cache() / f"{NAME}.safetensors")


def find_weights(path: Path | None = None) -> InceptionWeights:
    """Read the weights from a file, the default one if None.

    Raises:
        StatisticsError: there is no such file; the message says how to get it.
        FileFormatError: it is damaged or something else.
    """
    path = path or default_weights_file()
    if not path.is_file():
        raise StatisticsError(
            f"{path}: no such file, and {NAME} needs its weights: get {PUBLIC_FILE} of PyTorch's FID and run "
            "ganc import inception FILE.pth"
        )
    return read_weights(path)


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for plan in InceptionSpec().convolutions():
        shapes[f"{plan.name}.conv.weight"] = plan.weight_shape
        shapes |= {f"{plan.name}.bn.{key}": (plan.out_channels,) for key in _NORM}
    return shapes
