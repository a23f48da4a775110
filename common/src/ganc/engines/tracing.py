"""Writing a generator as a Paddle inference model."""

from pathlib import Path

from ganc.base.errors import InterruptedRun
from ganc.data.layout import FLOATS, ImageFormat
from ganc.engines.paddle_files import PARAMETERS
from ganc.models.generator import Generator
from ganc.system.runtime import Tensor, paddle
from ganc.system.signals import noticed_signals


class _OfBytes(paddle.nn.Layer):
    """A generator with the conversions from bytes and to bytes, as `ganc.data` has them, around it."""

    def __init__(self, generator: Generator, channels_last: bool):
        super().__init__()
        self.generator = generator
        self.channels_last = channels_last

    def forward(self, image: Tensor) -> Tensor:
        if self.channels_last:
            image = paddle.transpose(image, [0, 3, 1, 2])
        x = self.generator(image.astype("float32") / 127.5 - 1.0)
        x = ((x + 1.0) * 127.5).astype("uint8")
        return paddle.transpose(x, [0, 2, 3, 1]) if self.channels_last else x


def save_inference_model(generator: Generator, folder: Path, layout: ImageFormat = FLOATS) -> None:
    """Trace the generator for any batch, height and width; the graph has the plain form of every convolution.

    Tracing is enough, as nothing in a generator depends on values: Paddle's rewriting of Python code is switched off.

    Args:
        layout: what goes in and comes out; bytes are converted inside the model.

    Raises:
        InterruptedRun: Ctrl-C or SIGTERM came while the model was traced.
    """
    generator.eval()
    shape = [None if isinstance(side, str) else side for side in layout.shape(generator.spec.in_channels)]
    image = paddle.static.InputSpec(shape=shape, dtype=layout.dtype, name="image")
    layer = _OfBytes(generator, layout.channels_last) if layout.bytes else generator
    layer.eval()
    layer.forward = paddle.jit.not_to_static(layer.forward)  # type: ignore[method-assign]
    prefix = folder / PARAMETERS.removesuffix(".pdiparams")
    with noticed_signals() as signalled:  # an exception in the midst of tracing makes Paddle crash
        paddle.jit.save(paddle.jit.to_static(layer, input_spec=[image], full_graph=True), str(prefix))
    if signalled():
        raise InterruptedRun("stopped: nothing was written", signalled())
