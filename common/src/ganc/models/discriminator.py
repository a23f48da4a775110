"""The PatchGAN discriminator and the adaptors of feature distillation: networks that are only for training."""

from dataclasses import replace

from ganc.models.network import Network
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec
from ganc.system.runtime import Tensor


class Discriminator(Network):
    """Judges overlapping patches of an image (pix2pix, arXiv 1611.07004, section 3.2.2)."""

    def __init__(self, spec: DiscriminatorSpec):
        super().__init__(spec)
        self._run = self.bound(spec.layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, in_channels, h, w) to one unbounded score a patch, (n, 1, h', w')."""
        return self._run(x)


class Adaptors(Network):
    """Takes a student's taps to the teacher's channels; a thinner sub-network uses the leading inputs."""

    def __init__(self, spec: AdaptorsSpec):
        super().__init__(spec)
        self._plans = spec.convolutions()

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        """Map taps (n, c_student, h, w) to (n, c_teacher, h, w)."""
        return [
            self._convolutions[plan.name](tap, replace(plan, in_channels=tap.shape[1]))
            for plan, tap in zip(self._plans, taps, strict=True)
        ]
