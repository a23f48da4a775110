"""Mixed precision by Paddle's rules: what computes in 16 bits, and when losses are scaled.

At level O1 (`paddle.amp.auto_cast`) operators of a white list compute in bfloat16 or float16 and those of a black list,
such as means and squares, in float32; any other takes the widest type of its inputs. Parameters, gradients and
Adam's moments stay float32. On a CPU Paddle 3.3.1 leaves everything in float32: it has no such kernels there.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ganc.base.errors import RunError
from ganc.system.runtime import paddle

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}

# Paddle's own list has conv2d and matmul. Without these every depthwise and every transposed convolution of a mobile
# generator would compute in float32, as its weights are, with a cast in front of it and one behind.
WHITE_LIST = ("depthwise_conv2d", "conv2d_transpose", "depthwise_conv2d_transpose")


LOOKED_AT = 100  # steps whose losses are looked at together; each look waits for the device once


def require_precision(amp: str | None) -> None:
    """Raise RunError where the selected device cannot be asked for a precision; None is float32."""
    if amp is None:
        return
    if paddle.get_device() == "cpu":
        if amp == "fp16":
            raise RunError("--amp fp16 needs a GPU: leave --amp out on a CPU")
        return
    supported = {"bf16": paddle.amp.is_bfloat16_supported, "fp16": paddle.amp.is_float16_supported}[amp]
    if not supported():  # auto_cast would only warn, and compute in float32
        raise RunError(f"--amp {amp}: this GPU has no {DTYPES[amp]}; choose the other one, or leave --amp out")


@contextlib.contextmanager
def mixed_precision(amp: str | None) -> Iterator[None]:
    """Run forward passes within the block in a precision; None is float32.

    Raises:
        RunError: the device has none.
    """
    if amp is None:
        with paddle.amp.auto_cast(enable=False):
            yield
        return
    require_precision(amp)
    cast = paddle.amp.auto_cast(custom_white_list=list(WHITE_LIST), level="O1", dtype=DTYPES[amp])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a CPU, which a command says once
        cast.__enter__()
    try:
        yield
    finally:
        cast.__exit__(None, None, None)


def loss_scaler(amp: str | None) -> Any:
    """Return what scales a loss before its gradients are computed: of fp16 alone, whose range they may leave.

    A step whose gradients overflow all the same is left out, and the scale halved.
    """
    return paddle.amp.GradScaler(enable=amp == "fp16")


def require_finite(losses: Mapping) -> None:
    """Raise RunError where a loss, a tensor of shape (), is no finite number; it is named.

    On a device that works while the host goes on, a number would wait for it: there `LossGuard` looks at many at once.
    """
    if _waits_for_nothing():
        _require_finite([losses])


class LossGuard:
    """Looks at the losses of many steps at once, where a step itself does not: on another device than the CPU."""

    def __init__(self) -> None:
        self._seen: list[Mapping] = []

    def add(self, losses: Mapping) -> None:
        """Take one step's losses, tensors of shape () by name; raises as `check` every `LOOKED_AT` steps."""
        if not _waits_for_nothing():
            self._seen.append(losses)
        if len(self._seen) >= LOOKED_AT:
            self.check()

    def check(self) -> None:
        """Raise RunError where a loss of the steps since the last look was no finite number; the first one is named.

        To be called before anything is kept of what these steps made.
        """
        seen, self._seen = self._seen, []
        _require_finite(seen)


def _waits_for_nothing() -> bool:
    """Whether a tensor's value is there as soon as the tensor is."""
    return paddle.get_device() == "cpu"


def _require_finite(steps: Sequence[Mapping]) -> None:
    named = [(name, loss.detach().astype("float32")) for losses in steps for name, loss in losses.items()]
    values = paddle.stack([loss for _, loss in named]).numpy() if named else ()
    for (name, _), value in zip(named, values, strict=True):
        if not np.isfinite(value):
            raise non_finite(name, float(value))


def non_finite(name: str, value: float) -> RunError:
    """Return the error of a loss that is no finite number."""
    return RunError(f"the loss '{name}' became {value}: lower --lr, or train without --amp")
