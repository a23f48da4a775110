"""The elastic generator: one class for the original, the teacher, the supernet and every compressed generator."""

from ganc.models.family import Widths
from ganc.models.network import Network, Run
from ganc.models.spec import GeneratorSpec
from ganc.system.runtime import Tensor, paddle

# Sub-networks that are kept bound: a step of training draws up to three, an evaluation runs one many times.
_KEPT = 64


class Generator(Network):
    """A chain of segments from image to image, (n, in_channels, h, w) in [-1, 1], of any size that fits its family."""

    def __init__(self, spec: GeneratorSpec):
        super().__init__(spec)
        self._bound_segments: dict[Widths, tuple[Run, ...]] = {}

    def forward(
        self, x: Tensor, widths: Widths | None = None, return_taps: bool = False
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Translate images, with the whole generator or with the sub-network of `widths`.

        Args:
            x: (n, in_channels, h, w); clipped to [-1, 1].
            widths: base widths of a sub-network, each at most the generator's own; None for the whole.
            return_taps: also return the outputs of the tap segments, for feature distillation.

        Returns:
            (n, out_channels, h, w) in [-1, 1]; with `return_taps` that and a list of taps.

        Raises:
            SpecError: `widths` or the images' size do not fit.
        """
        if paddle.in_dynamic_mode():  # an exported graph's sizes are open
            self.spec.require_size(x.shape[3], x.shape[2])
        x = paddle.clip(x, -1.0, 1.0)
        taps = []
        for number, segment in enumerate(self.segments(widths)):
            x = segment(x)
            if return_taps and number in self.spec.shape.taps:
                taps.append(x)
        return (x, taps) if return_taps else x

    def segments(self, widths: Widths | None = None) -> tuple[Run, ...]:
        """Return what runs each segment of the sub-network of `widths`, None for the whole, on its input.

        Raises:
            SpecError: `widths` do not fit.
        """
        key = self.spec.widths if widths is None else tuple(widths)
        if key not in self._bound_segments:
            if len(self._bound_segments) >= _KEPT:
                self._bound_segments.clear()
            self._bound_segments[key] = tuple(self.bound(layers) for layers in self.spec.narrowed(key).segments)
        return self._bound_segments[key]
