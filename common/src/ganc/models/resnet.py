"""The ResNet generators: of CycleGAN (arXiv 1703.10593, section 7.2) and GAN Compression (arXiv 2003.08936, 3.2).

    segment 0 stem 7x7   1 down   2 down   3 blocks   4 blocks   5 blocks   6 up   7 up + output 7x7
    width   w0           w1 (x2)  w2 (x4)  w3 (x4)    w4 (x4)    w5 (x4)    w6 (x2) w7
    output                        tap      tap        tap        tap

A block goes from the stream's 4 w2 channels to the 4 wi of its segment and back, so that the stream keeps its width.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ganc.models.convolutions import Convolution
from ganc.models.family import BLOCKS, DEFAULT_FAMILY, ORIGINAL_BLOCK, Family, GeneratorValues, Widths
from ganc.models.layers import RELU, TANH, Dropout, InstanceNorm, Layers, Residual


def _repeated(*groups: tuple[Widths, int]) -> tuple[Widths, ...]:
    return tuple(widths for widths, count in groups for _ in range(count))


class ResNet(Family):
    """Stem, two halvings, residual blocks on a quarter of the size, two doublings, output.

    `spec.block` says what a block's 3x3 convolutions are: themselves ("resnet"), or depthwise 3x3, instance norm and
    pointwise 1x1 ("mobile"). `spec.n_blocks` blocks are split evenly over the block segments.
    """

    name = DEFAULT_FAMILY
    multipliers = (1, 2, 4, 4, 4, 4, 2, 1)  # channels of a segment = multiplier * base width
    segments = len(multipliers)
    stream_segment = 2  # whose channels the residual stream keeps
    block_segments = (3, 4, 5)
    taps = (2, 3, 4, 5)
    size_multiple = 4
    blocks = BLOCKS
    block_multiple = len(block_segments)
    # Measured on the generator that GAN Compression publishes for horse2zebra: thinning the stream changes its images
    # least for each MAC that is saved, then what is behind the blocks, then the later blocks; the first two most.
    cuts = (0.4, 0.4, 1.0, 0.7, 0.9, 0.8, 1.0, 0.95)
    # GAN Compression (arXiv 2003.08936) and its published code.
    spaces: ClassVar[Mapping[str, tuple[Widths, ...]]] = {
        "channels-32": _repeated(((32, 24, 16), segments)),
        "channels-48": _repeated(((48, 32), 2), ((48, 40, 32), 4), ((48, 32, 24, 16), 2)),
        "channels-64-cyclegan": _repeated(((64, 48, 32, 24, 16), segments)),
        "channels-64-pix2pix": _repeated(((64, 56, 48, 40, 32, 24, 16), segments)),
    }
    _short = segments - len(block_segments) + 1
    short_forms = f"or {_short}, with one inner width for all blocks; "

    def input_segment(self, segment: int) -> int:
        """Return the segment before; for blocks, and for the segment behind them, that is the stream's."""
        behind_blocks = {self.stream_segment + 1, *self.block_segments, *(block + 1 for block in self.block_segments)}
        return self.stream_segment if segment in behind_blocks else super().input_segment(segment)

    @property
    def groups(self) -> Mapping[str, Sequence[int]]:
        """What is before the blocks, the blocks, and what is behind them."""
        first, last = self.block_segments[0], self.block_segments[-1]
        return {
            "before blocks": range(first),
            "blocks": self.block_segments,
            "behind blocks": range(last + 1, self.segments),
        }

    def completed(self, numbers: Widths) -> Widths:
        """With one number fewer for each block segment but the first, the inner width is that of all blocks."""
        if len(numbers) != self._short:
            return numbers
        first = self.block_segments[0]
        return numbers[:first] + numbers[first : first + 1] * len(self.block_segments) + numbers[first + 1 :]

    def layers(self, spec: GeneratorValues) -> tuple[Layers, ...]:
        """Return the layers of the eight segments."""
        stem, down, stream, *_, up, last = self._channels(spec)
        halving = {"kernel": 3, "stride": 2, "padding": 1}
        doubling = {"transposed": True, **halving}
        output = Convolution(
            name="stages.7.output", in_channels=last, out_channels=spec.out_channels, kernel=7, reflect=3
        )
        return (
            _normalised("stages.0.conv", spec.in_channels, stem, kernel=7, reflect=3),
            _normalised("stages.1.conv", stem, down, **halving),
            _normalised("stages.2.conv", down, stream, **halving),
            *(self._blocks(spec, segment) for segment in self.block_segments),
            _normalised("stages.6.conv", stream, up, **doubling),
            (*_normalised("stages.7.conv", up, last, **doubling), output, TANH),
        )

    def _channels(self, spec: GeneratorValues) -> tuple[int, ...]:
        """Return each segment's channels; those of block segments are inside the blocks."""
        return tuple(multiplier * width for multiplier, width in zip(self.multipliers, spec.widths, strict=True))

    def _blocks(self, spec: GeneratorValues, segment: int) -> Layers:
        channels = self._channels(spec)
        outer, inner = channels[self.stream_segment], channels[segment]
        dropout = (Dropout(spec.dropout),) if spec.dropout else ()
        names = (f"stages.{segment}.blocks.{block}" for block in range(spec.n_blocks // len(self.block_segments)))
        return tuple(
            Residual(
                (
                    *_half_block(spec.block, f"{name}.first", outer, inner),
                    RELU,
                    *dropout,
                    *_half_block(spec.block, f"{name}.second", inner, outer),
                )
            )
            for name in names
        )


def _normalised(name: str, in_channels: int, out_channels: int, **shape: Any) -> Layers:
    convolution = Convolution(name=name, in_channels=in_channels, out_channels=out_channels, **shape)
    return convolution, InstanceNorm(), RELU


def _half_block(block: str, name: str, in_channels: int, out_channels: int) -> Layers:
    """A 3x3 convolution behind reflection, or its cheap replacement (GAN Compression, section 3.2)."""
    spatial: dict[str, Any] = {"kernel": 3, "reflect": 1, "in_channels": in_channels}
    if block == ORIGINAL_BLOCK:
        return Convolution(name=f"{name}.conv", out_channels=out_channels, **spatial), InstanceNorm()
    return (
        Convolution(name=f"{name}.depthwise", out_channels=in_channels, depthwise=True, **spatial),
        InstanceNorm(),
        Convolution(name=f"{name}.pointwise", in_channels=in_channels, out_channels=out_channels, kernel=1),
        InstanceNorm(),
    )


RESNET = ResNet()
