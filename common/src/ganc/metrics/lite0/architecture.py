"""EfficientNet-Lite0 as data.

Tan and Le, "EfficientNet", arXiv 1905.11946, table 1, in the Lite variant that its authors published for mobile
processors: no squeeze-and-excitation, ReLU6 for swish. The blocks are those of MobileNetV2 (Sandler et al., arXiv
1801.04381, section 3.3). Layers have the names that the public PyTorch weights give them.
"""

from dataclasses import dataclass

from ganc.models.convolutions import Convolution
from ganc.models.layers import RELU6, GlobalPool, Layers, Residual, convolutions

EPSILON = 1e-3  # of every batch norm
INPUT_SIDE = 224
DIMENSIONS = 1280
STEM, HEAD = "_conv_stem", "_conv_head"
STEM_CHANNELS = 32

# Repetitions, kernel, stride of the first, expansion, output channels.
BLOCKS = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


@dataclass(frozen=True)
class Lite0Spec:
    """The network with each batch norm inside the convolution in front of it, as a spec: there is only one."""

    @property
    def layers(self) -> Layers:
        """The layers from planes (n, 3, 224, 224) to features (n, 1280)."""
        return network()

    def convolutions(self) -> tuple[Convolution, ...]:
        """Return the convolutions in the order in which they run."""
        return convolutions(network())


def network() -> Layers:
    """Return the layers; the features are the mean of the last ones' output over all positions."""
    *_, (*_, channels) = BLOCKS
    blocks = tuple(layer for section in depths() for layer in section)
    return (*blocks, _convolution(HEAD, channels, DIMENSIONS, 1), RELU6, GlobalPool())


def depths() -> tuple[Layers, ...]:
    """Return the layers in front of the head, cut behind the last block of each resolution: 1/2, 1/4 … 1/32."""
    sections: list[Layers] = []
    chain: Layers = (_convolution(STEM, 3, STEM_CHANNELS, 3, 2), RELU6)
    number, channels = 0, STEM_CHANNELS
    for repeats, kernel, first_stride, expansion, out_channels in BLOCKS:
        if first_stride > 1:
            sections.append(chain)
            chain = ()
        for repeat in range(repeats):
            stride = 1 if repeat else first_stride
            chain += _block(f"_blocks.{number}", channels, out_channels, kernel, stride, expansion)
            number, channels = number + 1, out_channels
    return (*sections, chain)


def norm_of(convolution: str) -> str:
    """Return the name of the batch norm that follows a convolution in the public weights."""
    block, _, name = convolution.rpartition(".")
    norm = _NORMS[name]
    return f"{block}.{norm}" if block else norm


_NORMS = {STEM: "_bn0", HEAD: "_bn1", "_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


def description() -> list:
    """Return the network as a JSON value, for the digest."""
    return [["stem", STEM_CHANNELS], *(list(row) for row in BLOCKS), ["head", DIMENSIONS], "relu6", "same padding"]


def _block(name: str, channels: int, out_channels: int, kernel: int, stride: int, expansion: int) -> Layers:
    """Return a block: widened by a 1x1 convolution, a depthwise one, and a 1x1 one without activation."""
    inner = channels * expansion
    body: Layers = ()
    if expansion > 1:
        body += (_convolution(f"{name}._expand_conv", channels, inner, 1), RELU6)
    body += (_convolution(f"{name}._depthwise_conv", inner, inner, kernel, stride, depthwise=True), RELU6)
    body += (_convolution(f"{name}._project_conv", inner, out_channels, 1),)
    return (Residual(body),) if stride == 1 and channels == out_channels else body


def _convolution(
    name: str, in_channels: int, out_channels: int, kernel: int, stride: int = 1, depthwise: bool = False
) -> Convolution:
    """Return a convolution padded as TensorFlow's "same": what stride 2 leaves uneven comes at the bottom and right."""
    return Convolution(
        name=name,
        in_channels=in_channels,
        out_channels=out_channels,
        kernel=kernel,
        stride=stride,
        padding=(kernel - stride) // 2,
        end_padding=(kernel - stride) % 2,
        depthwise=depthwise,
    )
