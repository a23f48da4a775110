"""A second family of generators, as a file of its own: fewer segments than a ResNet, no blocks, other layers and taps.

    segment 0 stem 3x3   1 down   2 beside itself   3 up + output 3x3
    width   w0           w1 (x2)  w2 (x2)           w3
    output               tap      tap

Segment 2 joins its input with a depthwise convolution of it; segment 3 enlarges instead of transposing a convolution.
"""

from ganc.models.convolutions import Convolution
from ganc.models.family import Family
from ganc.models.layers import RELU, RELU6, TANH, Branches, InstanceNorm, Upsample, leaky_relu


class Sketch(Family):
    name = "sketch"
    segments = 4
    taps = (1, 2)
    size_multiple = 2

    def layers(self, spec):
        stem, down, beside, up = (scale * width for scale, width in zip((1, 2, 2, 1), spec.widths, strict=True))
        kernel = {"kernel": 3, "reflect": 1}
        depthwise = Convolution(
            name="beside.depthwise", in_channels=down, out_channels=down, kernel=5, padding=2, depthwise=True
        )
        return (
            (Convolution(name="stem", in_channels=spec.in_channels, out_channels=stem, **kernel), InstanceNorm(), RELU),
            (
                Convolution(name="down", in_channels=stem, out_channels=down, kernel=3, stride=2, padding=1),
                InstanceNorm(),
                leaky_relu(0.1),
            ),
            (
                Branches(((), (depthwise, InstanceNorm(), RELU6))),
                Convolution(name="beside.joined", in_channels=2 * down, out_channels=beside, kernel=1),
                RELU6,
            ),
            (
                Upsample(2),
                Convolution(name="up", in_channels=beside, out_channels=up, **kernel),
                InstanceNorm(),
                RELU,
                Convolution(name="output", in_channels=up, out_channels=spec.out_channels, **kernel),
                TANH,
            ),
        )


SKETCH = Sketch()
