"""Distances between images as networks see them: features at several depths, through which gradients pass."""

from collections.abc import Callable, Sequence

from ganc.base.engine_table import REFERENCE
from ganc.engines.passes import depths_of
from ganc.metrics.lite0.architecture import Lite0Spec, depths
from ganc.metrics.lite0.network import OFFSET, packaged_network
from ganc.models.convolutions import NetworkState
from ganc.models.discriminator import Discriminator
from ganc.models.layers import Activation, Layers
from ganc.models.network import Network, frozen
from ganc.system.runtime import Tensor, paddle

functional = paddle.nn.functional

HALF_RANGE = 127.5  # takes [-1, 1] to [-127.5, 127.5]


class Depths(Network):
    """A network whose layers are run in sections, each of which gives its output; its weights never change."""

    def __init__(self, state: NetworkState, sections: Sequence[Layers]):
        super().__init__(state.spec)
        self.load(state.tensors)
        self.eval()
        for parameter in self.parameters():
            parameter.stop_gradient = True
        self._sections = tuple(self.bound(layers) for layers in sections)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return each section's output of planes (n, c, h, w), the shallowest first."""
        found = []
        for section in self._sections:
            x = section(x)
            found.append(x)
        return found


def lite0_depths(engine: str = REFERENCE) -> Callable[[Tensor], list[Tensor]]:
    """Return what runs EfficientNet-Lite0 up to its last block in an engine, a section for each resolution.

    Raises:
        MissingDependencyError: its weights are not installed.
        FileFormatError: the installed file is another one than ganc knows.
    """
    network = Depths(NetworkState(Lite0Spec(), packaged_network().state.tensors), depths())
    return depths_of(network, depths(), engine)


def lite0_planes(images: Tensor) -> Tensor:
    """Return images (n, 1 or 3, h, w) in [-1, 1] as the planes that EfficientNet-Lite0 takes, of their own size."""
    if images.shape[1] == 1:
        images = paddle.concat([images] * 3, axis=1)
    return images * HALF_RANGE + (HALF_RANGE - OFFSET)


def relative_distance(made: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Return the L1 distance of features relative to the wanted ones' mean magnitude, a mean over the depths.

    Perceptual loss: Johnson et al., arXiv 1603.08155, section 3.1, there with squares. The division gives each depth
    the same say, however large its values are.
    """
    pairs = list(zip(made, wanted, strict=True))
    return sum(functional.l1_loss(one, other) / paddle.mean(paddle.abs(other)) for one, other in pairs) / len(pairs)


def discriminator_depths(judge: Discriminator) -> Callable[[Tensor], list[Tensor]]:
    """Return what gives a discriminator's output behind each activation, the shallowest first, as it is at each call.

    Gradients reach the images alone, also where something else trains the discriminator.
    """
    sections: list[Layers] = []
    section: Layers = ()
    for layer in judge.spec.layers:
        section += (layer,)
        if isinstance(layer, Activation):
            sections.append(section)
            section = ()
    runs = [judge.bound(layers) for layers in sections]

    def describe(x: Tensor) -> list[Tensor]:
        found = []
        with frozen(judge):
            for run in runs:
                x = run(x)
                found.append(x)
        return found

    return describe


def summed_distance(made: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """Return the L1 distance of features, summed over the depths.

    Discriminator-cooperated distillation, arXiv 2212.14169, section 3: the teacher's discriminator compares. There it
    compares feature maps of the generators too, which learned convolutions make images of; here only their images.
    """
    return sum(functional.l1_loss(one, other) for one, other in zip(made, wanted, strict=True))
