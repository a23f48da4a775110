"""The elastic generator: one class for the original, the teacher, the supernet and every compressed form."""

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution
from ganc.models.layers import ElasticConvolution, Network, functional, instance_norm
from ganc.models.spec import GeneratorSpec, Widths, format_widths
from ganc.system.runtime import paddle


class Normalised(paddle.nn.Layer):
    """A stage of one convolution, instance norm and ReLU: the stem, the downsampling stages, an upsampling one."""

    def __init__(self, plan: Convolution):
        super().__init__()
        self.conv = ElasticConvolution(plan)

    def forward(self, x, channels: int | None = None):
        return functional.relu(instance_norm(self.conv(x, channels)))


class Output(Normalised):
    """The last stage: upsampling, then the output convolution and tanh."""

    def __init__(self, upsample: Convolution, output: Convolution):
        super().__init__(upsample)
        self.output = ElasticConvolution(output)

    def forward(self, x, channels: int | None = None):
        return paddle.tanh(self.output(super().forward(x, channels)))


class SeparableConvolution(paddle.nn.Layer):
    """Depthwise 3x3, instance norm, pointwise 1x1 (GAN Compression, arXiv 2003.08936, section 3.2)."""

    def __init__(self, depthwise: Convolution, pointwise: Convolution):
        super().__init__()
        self.depthwise = ElasticConvolution(depthwise)
        self.pointwise = ElasticConvolution(pointwise)

    def forward(self, x, channels: int):
        return self.pointwise(instance_norm(self.depthwise(x)), channels)


class PlainConvolution(paddle.nn.Layer):
    """The 3x3 convolution of the original block."""

    def __init__(self, plan: Convolution):
        super().__init__()
        self.conv = ElasticConvolution(plan)

    def forward(self, x, channels: int):
        return self.conv(x, channels)


class ResidualBlock(paddle.nn.Layer):
    """x + half(half(x)): the inner channels are elastic, the outer ones are those of x."""

    def __init__(self, plans: tuple[Convolution, ...], dropout: float):
        super().__init__()
        half = SeparableConvolution if len(plans) == 4 else PlainConvolution
        middle = len(plans) // 2
        self.inner = plans[middle - 1].out_channels
        self.first = half(*plans[:middle])
        self.second = half(*plans[middle:])
        self.dropout = dropout

    def forward(self, x, channels: int | None = None):
        inner = functional.relu(instance_norm(self.first(x, channels or self.inner)))
        if self.dropout:
            inner = functional.dropout(inner, self.dropout, training=self.training)
        return x + instance_norm(self.second(inner, x.shape[1]))


class Blocks(paddle.nn.Layer):
    """A stage of residual blocks."""

    def __init__(self, plans: tuple[Convolution, ...], count: int, dropout: float):
        super().__init__()
        size = len(plans) // count
        self.blocks = paddle.nn.LayerList(
            [ResidualBlock(plans[start : start + size], dropout) for start in range(0, len(plans), size)]
        )

    def forward(self, x, channels: int | None = None):
        for block in self.blocks:
            x = block(x, channels)
        return x


class Generator(Network):
    """A chain of stages from picture to picture, (n, 3, h, w) in [-1, 1], h and w multiples of 4.

    `stages` is the chain itself: stage i is called with its input and the channels it is to have.
    """

    def __init__(self, spec: GeneratorSpec):
        super().__init__()
        self.spec = spec
        stages = []
        for number, plans in enumerate(spec.stage_convolutions()):
            if number in spec.shape.block_stages:
                stages.append(Blocks(plans, spec.n_blocks // len(spec.shape.block_stages), spec.dropout))
            else:
                stages.append(Output(*plans) if len(plans) == 2 else Normalised(*plans))
        self.stages = paddle.nn.LayerList(stages)

    def forward(self, x, widths: Widths | None = None, return_taps: bool = False):
        """Translate pictures, with the whole generator or with the sub-network of `widths`.

        Args:
            x: (n, in_channels, h, w); clipped to [-1, 1].
            widths: base widths of a sub-network, each at most the generator's own; None for the whole.
            return_taps: also return the outputs of the tap stages, for feature distillation.

        Returns:
            (n, out_channels, h, w) in [-1, 1]; with `return_taps` that and a list of taps.

        Raises:
            SpecError: `widths` do not fit, or the size is no multiple of 4.
        """
        self._check_size(x)
        channels = self.stage_channels(widths)
        x = paddle.clip(x, -1.0, 1.0)
        taps = []
        for number, (stage, outs) in enumerate(zip(self.stages, channels, strict=True)):
            x = stage(x, outs)
            if return_taps and number in self.spec.shape.tap_stages:
                taps.append(x)
        return (x, taps) if return_taps else x

    def stage_channels(self, widths: Widths | None) -> tuple[int | None, ...]:
        """Return the channels with which to call each stage for a sub-network; None means all of them."""
        if widths is None or tuple(widths) == self.spec.widths:
            return (None,) * self.spec.shape.stages
        narrow = self.spec.narrowed(widths).widths
        return tuple(m * width for m, width in zip(self.spec.shape.multipliers, narrow, strict=True))

    def extract(self, widths: Widths) -> "Generator":
        """Return a standalone generator whose output equals that of the sliced run."""
        return Generator.from_state(self.state().leading(self.spec.narrowed(widths)))

    def _check_size(self, x) -> None:
        if not paddle.in_dynamic_mode():  # an exported graph's sizes are open
            return
        multiple = self.spec.shape.size_multiple
        height, width = x.shape[2:]
        if height % multiple or width % multiple:
            raise SpecError(
                f"pictures of {width}x{height} do not fit the generator {format_widths(self.spec.widths)}: "
                f"width and height must be multiples of {multiple}"
            )
