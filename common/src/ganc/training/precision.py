"""Mixed precision by Paddle's rules: what computes in 16 bits, and when losses are scaled.

At level O1 (`paddle.amp.auto_cast`) operators of a white list compute in bfloat16 or float16 and those of a black list,
such as means and squares, in float32; any other takes the widest type of its inputs. Parameters, gradients and
Adam's moments stay float32. On a CPU Paddle 3.3.1 leaves everything in float32: it has no such kernels there.
"""

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from ganc.base.errors import RunError
from ganc.system.runtime import paddle

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}

# Paddle's own list has conv2d and matmul. Without these every depthwise and every transposed convolution of a mobile
# generator would compute in float32, as its weights are, with a cast in front of it and one behind.
WHITE_LIST = ("depthwise_conv2d", "conv2d_transpose", "depthwise_conv2d_transpose")


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
    """Raise RunError where a loss, a tensor of shape (), is no finite number; it is named."""
    values = [loss.detach().astype("float32") for loss in losses.values()]
    if not values or bool(paddle.isfinite(paddle.stack(values)).all()):
        return
    for name, value in zip(losses, values, strict=True):
        if not bool(paddle.isfinite(value)):
            raise non_finite(name, float(value))


def non_finite(name: str, value: float) -> RunError:
    """Return the error of a loss that is no finite number."""
    return RunError(f"the loss '{name}' became {value}: lower --lr, or train without --amp")
