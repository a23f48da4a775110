"""Networks: layers, specs, search spaces and costs (all without Paddle), and the Paddle networks themselves.

The networks are in `ganc.models.generator` and `ganc.models.discriminator`; importing them imports Paddle.
"""

from ganc.models.convolutions import Convolution, Costs, NetworkState, initial_state, tensor_shapes
from ganc.models.families import FAMILIES
from ganc.models.family import Family, Widths, format_widths
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES, SearchSpace, parse_space
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec, parse_widths

__all__ = [
    "FAMILIES",
    "NAMED_SPACES",
    "RESNET",
    "AdaptorsSpec",
    "Convolution",
    "Costs",
    "DiscriminatorSpec",
    "Family",
    "GeneratorSpec",
    "NetworkState",
    "SearchSpace",
    "Widths",
    "format_widths",
    "initial_state",
    "parse_space",
    "parse_widths",
    "tensor_shapes",
]
