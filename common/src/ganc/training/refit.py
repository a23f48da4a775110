"""Refit: a generator's convolutions by least squares on the activations of the generator that it was made of.

Layer by layer, from the image to the output, a convolution is given the weights with which it comes closest to what its
teacher has there, from what really reaches it: so later layers make up for the errors of earlier ones (He, Zhang and
Sun, "Channel pruning for accelerating very deep neural networks", arXiv 1707.06168, sections 3.1 and 3.2).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ganc.base.errors import SpecError
from ganc.base.rng import keyed_generator
from ganc.models.convolutions import Convolution
from ganc.models.generator import Generator
from ganc.models.layers import Layers
from ganc.models.spec import GeneratorSpec
from ganc.system.runtime import Tensor, paddle
from ganc.training.least_squares import NormalEquations, Positions, as_matrix, as_weight, patches, rank_one_kernels
from ganc.training.pieces import Mark, Pair, Piece, Stack, advanced, before, paired

POSITIONS = 1024  # of an image, that a convolution is fitted at; neighbours tell much the same
KEPT_BYTES = 1 << 30  # of activations; beyond that they are computed again for each layer

Kept = Mapping[str, np.ndarray]


class Batches(Protocol):
    """Source images in batches, float32 (n, c, h, w) in [-1, 1]."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> np.ndarray: ...

    def __iter__(self) -> Iterator[np.ndarray]: ...


def refit(teacher: Generator, student: Generator, kept: Kept, batches: Batches) -> Iterator[tuple[int, int]]:
    """Refit the student's convolutions on the teacher's activations; yields (done, all) after each.

    Args:
        kept: by the name of the teacher's convolution, its channels that the student has, in the student's order; where
            a name is missing, all of them.
        batches: the images; they are asked for again and again, so that not all need to be in memory.

    Raises:
        SpecError: the two are not made alike, or their channels do not belong together; the place is named.
    """
    run = _Refit(teacher, student, kept, batches)
    modes = [network.training for network in (teacher, student)]
    teacher.eval(), student.eval()  # dropout would hide what a layer makes
    try:
        for place in range(len(run.pairs)):
            with paddle.no_grad():
                run.fit(place)
            yield place + 1, len(run.pairs)
    finally:
        for network, training in zip((teacher, student), modes, strict=True):
            network.train() if training else network.eval()


def require_refittable(teacher: GeneratorSpec, student: GeneratorSpec, kept: Kept) -> tuple[Pair, ...]:
    """Return the pieces of two generators that belong together.

    Raises:
        SpecError: see `refit`.
    """
    pairs = paired(_whole(teacher), _whole(student))
    for theirs, ours in pairs:
        if theirs and ours and isinstance(ours.end, Convolution):
            original = theirs.convolution
            count = len(kept.get(original.name, range(original.out_channels)))
            if count != ours.end.out_channels:
                raise SpecError(
                    f"{ours.end.name} has {ours.end.out_channels} channels, {original.name} of the original {count}: "
                    "choose equal widths, or leave out --refit"
                )
    return pairs


def l1_distance(teacher: Generator, student: Generator, batches: Batches) -> float:
    """Return the mean absolute difference between what two generators make of images, in [-1, 1]."""
    total = count = 0.0
    for batch in batches:
        with paddle.no_grad():
            images = paddle.to_tensor(batch)
            difference = (teacher(images) - student(images)).numpy()
        total, count = total + np.abs(difference).sum(dtype=np.float64), count + difference.size
    return total / count


@dataclass
class _Refit:
    """One run over the pairs of pieces.

    Attributes:
        reached: by batch, up to which place it was run, and the teacher's and the student's stacks there.
    """

    teacher: Generator
    student: Generator
    kept: Kept
    batches: Batches
    pairs: tuple[Pair, ...] = ()
    reached: dict[int, tuple[int, Stack, Stack]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pairs = require_refittable(self.teacher.spec, self.student.spec, self.kept)

    def fit(self, place: int) -> None:
        """Fit the convolution at a place of `pairs`, if there is one that can be.

        A depthwise one keeps the teacher's kernels: fitting those too brought nothing (docs/distillation.md).
        """
        theirs, ours = self.pairs[place]
        if ours is None or not isinstance(ours.end, Convolution):
            return
        if theirs is None:
            self._replace_kernels(place, ours)
        elif not ours.depthwise:
            self._fit_mixing(place, theirs, ours)

    def _fit_mixing(self, place: int, theirs: Piece, ours: Piece) -> None:
        """W of all taps and inputs at once; where no norm follows, with the bias as a last input that is always 1."""
        plan = ours.convolution
        start = as_matrix(self._tensor(plan, "weight"), plan)
        if not ours.normalised:
            start = np.vstack([start, self._tensor(plan, "bias")])
        equations = NormalEquations(*start.shape)
        for x, y in self._rows(place, theirs, ours):
            x = x.reshape(*x.shape[:2], -1)
            x = _centred(x) if ours.normalised else np.concatenate([x, np.ones_like(x[..., :1])], axis=2)
            y = _centred(y) if ours.normalised else y
            equations.add(x.reshape(-1, x.shape[2]), y.reshape(-1, y.shape[2]))
        solved = equations.solve(start)
        if not ours.normalised:
            self._set(plan, "bias", solved[-1].astype(np.float32))
            solved = solved[:-1]
        self._set(plan, "weight", as_weight(solved, plan))

    def _replace_kernels(self, place: int, ours: Piece) -> None:
        """Kernels of a depthwise convolution that replaces, with the pointwise one behind it, an ordinary one."""
        plan = ours.convolution
        original = next(theirs.end for theirs, _ in self.pairs[place:] if theirs)
        if isinstance(original, Mark) or original.weight_shape[1:] != (plan.in_channels, *plan.kernel):
            return  # it has no such kernels: those of the start stay
        equations = NormalEquations(plan.in_channels, plan.kernel[0] * plan.kernel[1], 1)
        for number in range(len(self.batches)):
            _, own = self._stacks(number, place)
            x = before(self.student, ours, own).numpy()
            size = (x.shape[2], x.shape[3])
            rows = _by_channel(_centred(patches(x, plan, self._positions(plan, number, size))))
            equations.add(rows, np.zeros((*rows.shape[:2], 1)))
        weight = self.teacher.state().tensors[f"{original.name}.weight"]
        kernels = rank_one_kernels(weight, equations.gram)
        self._set(plan, "weight", kernels.reshape(plan.weight_shape).astype(np.float32))

    def _rows(self, place: int, theirs: Piece, ours: Piece) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield, by batch, what the convolution multiplies, (n, count, in, taps), and what it should make of it,
        (n, count, out), at some places of its output."""
        for number in range(len(self.batches)):
            stack, own = self._stacks(number, place)
            wanted = self._wanted(place, theirs, ours, (stack, own))
            _, _, height, width = wanted.shape
            at = self._positions(ours.convolution, number, (height, width))
            yield patches(before(self.student, ours, own).numpy(), ours.convolution, at), at.of(wanted)

    def _wanted(self, place: int, theirs: Piece, ours: Piece, stacks: tuple[Stack, Stack]) -> np.ndarray:
        """Return what a convolution should make, (n, out, h, w).

        That is what the teacher's makes. Where a residual body ends in it, what the student's stream lacks of the
        teacher's is added, in the unit that the norm in between will have.
        """
        stack, own = stacks
        name = theirs.convolution.name
        made = self._channels(name, advanced(self.teacher, theirs, stack)[-1])
        if not self._ends_residual(place + 1):
            return made
        lacking = self._channels(name, stack[-2]) - own[-2].numpy()
        return made + lacking * (made.std(axis=(2, 3), keepdims=True) if ours.normalised else 1)

    def _ends_residual(self, place: int) -> bool:
        """Whether both leave a residual body here, with nothing but a norm on the way."""
        both = self.pairs[place] if place < len(self.pairs) else ()
        return all(piece and piece.end is Mark.LEAVE and piece.only_normalises for piece in both) and bool(both)

    def _channels(self, name: str, tensor: Tensor) -> np.ndarray:
        array = tensor.numpy()
        return array[:, self.kept[name]] if name in self.kept else array

    def _positions(self, plan: Convolution, number: int, size: tuple[int, int]) -> Positions:
        return Positions.drawn(*size, POSITIONS, keyed_generator(0, f"refit/{plan.name}", number))

    def _stacks(self, number: int, place: int) -> tuple[Stack, Stack]:
        """Return both stacks of a batch at a place, run on from where they were kept, or from the image."""
        images = paddle.to_tensor(self.batches[number]) if number not in self.reached else None
        at, theirs, ours = self.reached.get(number, (0, (images,), (images,)))
        for passed in self.pairs[at:place]:
            theirs, ours = advanced(self.teacher, passed[0], theirs), advanced(self.student, passed[1], ours)
        self.reached.pop(number, None)
        if sum(map(_bytes, self.reached.values())) + _bytes((place, theirs, ours)) <= KEPT_BYTES:
            self.reached[number] = (place, theirs, ours)
        return theirs, ours

    def _tensor(self, plan: Convolution, kind: str) -> np.ndarray:
        return self.student.state().tensors[f"{plan.name}.{kind}"]

    def _set(self, plan: Convolution, kind: str, value: np.ndarray) -> None:
        self.student.load({**self.student.state().tensors, f"{plan.name}.{kind}": value})


def _whole(spec: GeneratorSpec) -> Layers:
    return tuple(layer for segment in spec.segments for layer in segment)


def _centred(rows: np.ndarray) -> np.ndarray:
    """Return rows (n, count, …) without each image's mean, which the norm behind a convolution takes out."""
    return rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)


def _by_channel(rows: np.ndarray) -> np.ndarray:
    """(n, count, c, k) to (c, n * count, k)."""
    return rows.transpose(2, 0, 1, 3).reshape(rows.shape[2], -1, rows.shape[3])


def _bytes(kept: tuple[int, Stack, Stack]) -> int:
    """Return the bytes of two stacks of float32 tensors."""
    return sum(4 * int(np.prod(tensor.shape)) for stack in kept[1:] for tensor in stack)
