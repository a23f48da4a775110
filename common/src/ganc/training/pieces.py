"""Two generators side by side: their layers cut into pieces, each of which ends in a convolution or a residual's end.

Running a piece is a step of a small machine whose state is a stack: the last tensor is the current one, those before it
are the inputs of the residual bodies that are not at their ends yet.
"""

from dataclasses import dataclass
from enum import Enum

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution
from ganc.models.layers import Branches, InstanceNorm, Layer, Layers, Residual, convolutions, with_norms
from ganc.models.network import Network
from ganc.system.runtime import Tensor

Stack = tuple  # of tensors (n, c, h, w)


class Mark(Enum):
    """Where a piece may end, besides in a convolution."""

    ENTER = "the start of a residual body"
    LEAVE = "the end of a residual body"
    END = "the end"


@dataclass(frozen=True)
class Piece:
    """Layers that run in a row, and what ends them.

    Attributes:
        before: the layers, none of which is a convolution outside of branches.
        end: the convolution, or the mark, that follows them.
        normalised: whether an instance norm follows the convolution.
    """

    before: Layers
    end: Convolution | Mark
    normalised: bool = False

    @property
    def depthwise(self) -> bool:
        return isinstance(self.end, Convolution) and self.end.depthwise

    @property
    def convolution(self) -> Convolution:
        """The convolution that ends it, of a piece that has one."""
        assert isinstance(self.end, Convolution), f"{self.place} is no convolution"
        return self.end

    @property
    def kind(self) -> object:
        """What must be equal of two pieces that belong together."""
        return self.end if isinstance(self.end, Mark) else self.end.depthwise

    @property
    def place(self) -> str:
        """Where it ends, in words."""
        return self.end.value if isinstance(self.end, Mark) else self.end.name

    @property
    def only_normalises(self) -> bool:
        """Whether nothing but norms runs before its end."""
        return all(isinstance(layer, InstanceNorm) for layer in self.before)


def cut(layers: Layers, end: Mark = Mark.END) -> tuple[Piece, ...]:
    """Return the pieces of a chain.

    Raises:
        SpecError: branches hold a convolution that mixes channels.
    """
    pieces: list[Piece] = []
    before: list[Layer] = []
    for layer, normalised in with_norms(layers):
        match layer:
            case Convolution():
                pieces.append(Piece(tuple(before), layer, normalised))
            case Residual(body):
                pieces += [Piece(tuple(before), Mark.ENTER), *cut(body, Mark.LEAVE)]
            case Branches() if mixing := [one for one in convolutions((layer,)) if not one.depthwise]:
                raise SpecError(
                    f"{mixing[0].name} is in branches, where no convolution can be refitted; leave out --refit"
                )
            case _:
                before.append(layer)
                continue
        before.clear()
    return (*pieces, Piece(tuple(before), end))


Pair = tuple[Piece | None, Piece | None]


def paired(wide: Layers, narrow: Layers) -> tuple[Pair, ...]:
    """Return the pieces of two chains that belong together; a depthwise convolution that one lacks has no partner.

    Raises:
        SpecError: the chains are not made alike; the place is named.
    """
    pairs: list[Pair] = []
    ours, theirs = list(cut(narrow)), list(cut(wide))
    while ours and theirs:
        alike = ours[0].kind == theirs[0].kind
        if not (alike or ours[0].depthwise or theirs[0].depthwise):
            raise SpecError(f"{ours[0].place} cannot be refitted on {theirs[0].place}; leave out --refit")
        takes = (alike or theirs[0].depthwise, alike or not theirs[0].depthwise)
        pairs.append((theirs.pop(0) if takes[0] else None, ours.pop(0) if takes[1] else None))
    return tuple(pairs)


def before(network: Network, piece: Piece, stack: Stack) -> Tensor:
    """Return the tensor that reaches a piece's end."""
    return network.bound(piece.before)(stack[-1])


def advanced(network: Network, piece: Piece | None, stack: Stack) -> Stack:
    """Return the stack behind a piece; None leaves it as it is."""
    if piece is None:
        return stack
    x = before(network, piece, stack)
    match piece.end:
        case Convolution():
            return (*stack[:-1], network.bound((piece.end,))(x))
        case Mark.ENTER:
            return (*stack[:-1], x, x)
        case Mark.LEAVE:
            return (*stack[:-2], stack[-2] + x)
    return (*stack[:-1], x)
