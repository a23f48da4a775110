"""The PatchGAN discriminator and the adaptors of feature distillation: networks that serve training only."""

from ganc.models.layers import ElasticConvolution, Network, functional, instance_norm
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec
from ganc.system.runtime import paddle


class Discriminator(Network):
    """Judges overlapping patches of a picture (pix2pix, arXiv 1611.07004, section 3.2.2)."""

    def __init__(self, spec: DiscriminatorSpec):
        super().__init__()
        self.spec = spec
        self.convs = paddle.nn.LayerList([ElasticConvolution(plan) for plan in spec.convolutions()])

    def forward(self, x):
        """Map (n, in_channels, h, w) to one unbounded score a patch, (n, 1, h', w')."""
        for conv in self.convs[:-1]:
            x = conv(x)
            x = functional.leaky_relu(instance_norm(x) if conv.plan.normalised else x, 0.2)
        return self.convs[-1](x)


class Adaptors(Network):
    """Takes a student's taps to the teacher's channels; a thinner sub-network uses the leading inputs."""

    def __init__(self, spec: AdaptorsSpec):
        super().__init__()
        self.spec = spec
        self.taps = paddle.nn.LayerList([ElasticConvolution(plan) for plan in spec.convolutions()])

    def forward(self, taps: list) -> list:
        """Map taps (n, c_student, h, w) to (n, c_teacher, h, w)."""
        return [adaptor(tap) for adaptor, tap in zip(self.taps, taps, strict=True)]
