"""Networks: specs, search spaces and costs (all without Paddle), and the Paddle networks themselves.

The networks are in `ganc.models.generator` and `ganc.models.discriminator`; importing them imports Paddle.
"""

from ganc.models.convolutions import Convolution, Costs, NetworkState, tensor_shapes
from ganc.models.space import NAMED_SPACES, SearchSpace, parse_space
from ganc.models.spec import (
    BLOCKS,
    RESNET,
    AdaptorsSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    Widths,
    format_widths,
    parse_widths,
)

__all__ = [
    "BLOCKS",
    "NAMED_SPACES",
    "RESNET",
    "AdaptorsSpec",
    "Convolution",
    "Costs",
    "DiscriminatorSpec",
    "GeneratorSpec",
    "NetworkState",
    "SearchSpace",
    "Widths",
    "format_widths",
    "parse_space",
    "parse_widths",
    "tensor_shapes",
]
