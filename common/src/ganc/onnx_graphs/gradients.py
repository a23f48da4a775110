"""Layers with their gradients as ONNX nodes, so that an engine for graphs can run the passes of a training step.

Each method writes a layer and returns its pullback, which writes the gradient at the layer's input, given the one at
its output. The gradients of a convolution are convolutions and matrix products. Weights are inputs of the graph, as
they change with every step; sizes are fixed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution
from ganc.models.layers import Activation, Function, InstanceNorm, Layer, Layers, Residual, inner_layers, with_norms
from ganc.onnx_graphs.builder import GraphBuilder

_BEFORE_FIRST = -(2**31)  # where a slice ends that runs backwards down to the first place

Pullback = Callable[[str], str]


@dataclass(frozen=True)
class Value:
    """A value in the graph: its name and its shape, (n, channels, height, width)."""

    name: str
    channels: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        return self.height * self.width

    def shape(self, images: int) -> tuple[int, int, int, int]:
        """Return the shape for that many images."""
        return (images, self.channels, self.height, self.width)


def differentiable(layers: Layers) -> bool:
    """Whether gradients of these layers can be written."""
    return all(
        isinstance(layer, Convolution | InstanceNorm | Activation | Residual)
        and not (isinstance(layer, Activation) and layer.function is Function.RELU6)
        and all(differentiable(chain) for chain in inner_layers(layer))
        for layer in layers
    )


@dataclass(frozen=True)
class GradientWriter:
    """Adds the nodes of layers and of their gradients to a graph.

    Attributes:
        images: n, the images of a batch.
        learns: whether gradients of the weights are wanted.
        weights: shapes of the tensors that the layers use, in the order of their inputs; filled by `write`.
        gradients: the value of each tensor's gradient; filled by the pullbacks.
    """

    builder: GraphBuilder
    images: int
    learns: bool = True
    weights: dict[str, tuple[int, ...]] = field(default_factory=dict)
    gradients: dict[str, str] = field(default_factory=dict)

    def write(self, layers: Layers, x: Value, wanted: bool) -> tuple[Value, Pullback]:
        """Add layers one after another; return their output and their pullback.

        Args:
            wanted: whether the gradient at `x` is wanted; where it is not, the pullback writes none and returns "".

        Raises:
            SpecError: the gradient of a layer cannot be written, see `differentiable`.
        """
        pullbacks: list[Pullback] = []
        for layer, normalised in with_norms(layers):
            x, pullback = self._layer(layer, x, normalised, wanted)
            pullbacks.append(pullback)
            wanted = wanted or (self.learns and isinstance(layer, Convolution | Residual))
        return x, _chained(pullbacks)

    def _layer(self, layer: Layer, x: Value, normalised: bool, wanted: bool) -> tuple[Value, Pullback]:
        match layer:
            case Convolution():
                return self._convolution(layer, x, normalised, wanted)
            case InstanceNorm(epsilon):
                return self._instance_norm(x, epsilon, wanted)
            case Activation():
                return self._activation(layer, x, wanted)
            case Residual(body):
                return self._residual(body, x, wanted)
        raise SpecError(f"no gradient can be written for {layer!r}")

    def _residual(self, body: Layers, x: Value, wanted: bool) -> tuple[Value, Pullback]:
        node = self.builder.node
        made, pull_body = self.write(body, x, wanted)
        y = Value(node("Add", x.name, made.name), x.channels, x.height, x.width)

        def pull(dy: str) -> str:
            dx = pull_body(dy)
            return node("Add", dy, dx) if wanted else ""

        return y, pull

    def _activation(self, layer: Activation, x: Value, wanted: bool) -> tuple[Value, Pullback]:
        builder, node = self.builder, self.builder.node
        zero, one = builder.parameter(0.0), builder.parameter(1.0)
        match layer.function:
            case Function.RELU:
                y = node("Relu", x.name)
            case Function.LEAKY_RELU:
                y = node("LeakyRelu", x.name, alpha=layer.slope)
            case Function.TANH:
                y = node("Tanh", x.name)
            case _:
                raise SpecError(f"no gradient can be written for {layer!r}")

        def pull(dy: str) -> str:
            if not wanted:
                return ""
            if layer.function is Function.TANH:
                return node("Mul", dy, node("Sub", one, node("Mul", y, y)))
            positive = builder.cast(node("Greater", y, zero), np.float32)
            if layer.function is Function.LEAKY_RELU:
                kept = node("Mul", positive, builder.parameter(1 - layer.slope))
                positive = node("Add", kept, builder.parameter(layer.slope))
            return node("Mul", dy, positive)

        return Value(y, x.channels, x.height, x.width), pull

    def _instance_norm(self, x: Value, epsilon: float, wanted: bool) -> tuple[Value, Pullback]:
        builder, node = self.builder, self.builder.node
        centred = node("Sub", x.name, self._mean(x.name))
        variance = self._mean(node("Mul", centred, centred))
        spread = node("Sqrt", node("Add", variance, builder.parameter(epsilon)))
        inverse = node("Div", builder.parameter(1.0), spread)
        y = node("Mul", centred, inverse)

        def pull(dy: str) -> str:
            """The projection that keeps mean and variance; batch norm's gradient (arXiv 1502.03167, section 3)."""
            if not wanted:
                return ""
            along = node("Mul", y, self._mean(node("Mul", dy, y)))
            return node("Mul", node("Sub", node("Sub", dy, self._mean(dy)), along), inverse)

        return Value(y, x.channels, x.height, x.width), pull

    def _mean(self, x: str) -> str:
        return self.builder.node("ReduceMean", x, axes=[2, 3], keepdims=1)

    def _convolution(self, plan: Convolution, x: Value, normalised: bool, wanted: bool) -> tuple[Value, Pullback]:
        """Padding by reflection, and the convolution; its bias has no effect in front of an instance norm."""
        weight = self._tensor(plan, "weight", plan.weight_shape)
        bias = None if normalised else self._tensor(plan, "bias", (plan.out_channels,))
        x, fold = self._reflected(x, plan.reflect, wanted)
        y = self._convolved(plan, x, weight, bias)

        def pull(dy: str) -> str:
            if self.learns:
                self.gradients[f"{plan.name}.weight"] = self._weight_gradient(plan, x, dy, y)
                if bias:
                    self.gradients[f"{plan.name}.bias"] = self._summed(dy, (0, 2, 3))
            return fold(self._input_gradient(plan, x, weight, dy, y)) if wanted else ""

        return y, pull

    def _tensor(self, plan: Convolution, kind: str, shape: Sequence[int]) -> str:
        name = f"{plan.name}.{kind}"
        self.weights[name] = tuple(shape)
        return self.builder.input(name, np.float32, shape)

    def _convolved(self, plan: Convolution, x: Value, weight: str, bias: str | None) -> Value:
        operands = [x.name, weight, *([bias] if bias else [])]
        if plan.transposed:
            margins = {"pads": _pads(plan), "output_padding": [plan.stride - 1] * 2}
            y = self._node("ConvTranspose", *operands, kernel=plan.kernel, strides=[plan.stride] * 2, **margins)
            return Value(y, plan.out_channels, plan.stride * x.height, plan.stride * x.width)
        shape = {"strides": [plan.stride] * 2, "pads": _pads(plan), "group": plan.groups}
        y = self._node("Conv", *operands, kernel=plan.kernel, **shape)
        top, bottom, left, right = plan.sides
        height = (x.height + top + bottom - plan.kernel[0]) // plan.stride + 1
        return Value(y, plan.out_channels, height, (x.width + left + right - plan.kernel[1]) // plan.stride + 1)

    def _input_gradient(self, plan: Convolution, x: Value, weight: str, dy: str, y: Value) -> str:
        """Return the gradient at the (reflected) input: a convolution of the gradient at the output."""
        if plan.transposed:
            return self._node("Conv", dy, weight, kernel=plan.kernel, strides=[plan.stride] * 2, pads=_pads(plan))
        if plan.stride == 1:
            full = [kernel - 1 for kernel in plan.kernel] * 2
            pads = [most - side for most, side in zip(full, _pads(plan), strict=True)]
            turned = self._turned(plan, weight)
            return self._node("Conv", dy, turned, kernel=plan.kernel, pads=pads, group=plan.groups)
        pads = _pads(plan)
        made = (
            (size - 1) * plan.stride + kernel - pads[axis] - pads[axis + 2]
            for axis, (size, kernel) in enumerate(zip((y.height, y.width), plan.kernel, strict=True))
        )
        missing = [size - got for size, got in zip((x.height, x.width), made, strict=True)]
        shape = {"strides": [plan.stride] * 2, "pads": pads, "output_padding": missing, "group": plan.groups}
        return self._node("ConvTranspose", dy, weight, kernel=plan.kernel, **shape)

    def _turned(self, plan: Convolution, weight: str) -> str:
        """Return the kernels turned by 180 degrees, with inputs and outputs exchanged."""
        if plan.kernel != (1, 1):
            weight = self._sliced(weight, [size - 1 for size in plan.kernel], [_BEFORE_FIRST] * 2, (2, 3), (-1, -1))
        return weight if plan.depthwise else self.builder.node("Transpose", weight, perm=[1, 0, 2, 3])

    def _weight_gradient(self, plan: Convolution, x: Value, dy: str, y: Value) -> str:
        """Return the gradient of the weight: products of the output's gradient with the input under each place."""
        out = Value(dy, y.channels, y.height, y.width)
        if plan.transposed:
            # As the weight's gradient of the convolution that takes `y` to `x`.
            return self._product_by_place(plan, self._padded(out, plan.sides), x)
        padded = self._padded(x, plan.sides)
        if plan.depthwise:
            return self._depthwise_product_by_place(plan, padded, out)
        if plan.out_channels < plan.in_channels and plan.stride == 1 and not any(plan.sides):
            return self._product_around(plan, x, out)
        return self._product_by_place(plan, padded, out)

    def _product_by_place(self, plan: Convolution, wide: Value, small: Value) -> str:
        """Return (small.channels, wide.channels, kernel): at each place the products over all pixels."""
        pixels = self._rows(small)
        by_row = [self._product(pixels, columns) for columns in self._unfolded(plan, wide, small)]
        vertical, horizontal = plan.kernel
        parts = [self._reshaped(one, (small.channels, horizontal, wide.channels, 1)) for one in by_row]
        joined = parts[0] if vertical == 1 else self.builder.node("Concat", *parts, axis=3)
        return self.builder.node("Transpose", joined, perm=[0, 2, 3, 1])

    def _product_around(self, plan: Convolution, x: Value, out: Value) -> str:
        """As `_product_by_place`, with the side unfolded that has fewer channels.

        As the sum over the input's pixels: the output's gradient lies around them, turned by 180 degrees.
        """
        top, left = (size - 1 for size in plan.kernel)
        padded = self._padded(out, (top, top, left, left))
        turned = self._product_by_place(plan, padded, x)  # (in, out, kernel)
        return self._turned(plan, turned)

    def _depthwise_product_by_place(self, plan: Convolution, wide: Value, small: Value) -> str:
        node = self.builder.node
        extents = [plan.stride * (size - 1) + 1 for size in (small.height, small.width)]
        sums = []
        for place in product(*(range(size) for size in plan.kernel)):
            ends = [start + extent for start, extent in zip(place, extents, strict=True)]
            under = self._sliced(wide.name, place, ends, (2, 3), (plan.stride,) * 2)
            sums.append(self._reshaped(self._summed(node("Mul", small.name, under), (0, 2, 3)), (small.channels, 1)))
        return self._reshaped(node("Concat", *sums, axis=1), plan.weight_shape)

    def _unfolded(self, plan: Convolution, wide: Value, small: Value) -> Iterable[str]:
        """Yield, for each row of the kernel, the pixels of `wide` under it, one for each pixel of `small`.

        Each is (n, horizontal places x channels, pixels). The values are cut as (n x channels, height, width), which an
        engine lays out row by row: it turns its blocks of channels into rows once, and not for every place.
        """
        vertical, horizontal = plan.kernel
        flat = self._reshaped(wide.name, (self.images, wide.channels * wide.height, wide.width))
        end = plan.stride * (small.width - 1) + 1
        shifted = [
            self._sliced(flat, (start,), (start + end,), (2,), (plan.stride,)) if wide.width != small.width else flat
            for start in range(horizontal)
        ]
        apart = [self._reshaped(one, (self.images, wide.channels, wide.height, small.width)) for one in shifted]
        joined = apart[0] if horizontal == 1 else self.builder.node("Concat", *apart, axis=1)
        channels = horizontal * wide.channels
        end = plan.stride * (small.height - 1) + 1
        for start in range(vertical):
            rows = joined
            if wide.height != small.height:
                rows = self._sliced(joined, (start,), (start + end,), (2,), (plan.stride,))
            yield self._reshaped(rows, (self.images, channels, small.pixels))

    def _rows(self, x: Value) -> str:
        return self._reshaped(x.name, (self.images, x.channels, x.pixels))

    def _product(self, left: str, right: str) -> str:
        """Return (channels of left, channels of right): sums of the products over all images and pixels."""
        each = self.builder.node("MatMul", left, self.builder.node("Transpose", right, perm=[0, 2, 1]))
        return self._summed(each, (0,))

    def _summed(self, x: str, axes: Sequence[int]) -> str:
        return self.builder.node("ReduceSum", x, self._integers(axes), keepdims=0)

    def _padded(self, x: Value, sides: Sequence[int]) -> Value:
        """Zeros at the top, bottom, left and right."""
        if not any(sides):
            return x
        top, bottom, left, right = sides
        name = self.builder.node("Pad", x.name, self._integers((0, 0, top, left, 0, 0, bottom, right)))
        return Value(name, x.channels, x.height + top + bottom, x.width + left + right)

    def _reflected(self, x: Value, margin: int, wanted: bool) -> tuple[Value, Pullback]:
        if not margin:
            return x, lambda dy: dy
        node = self.builder.node
        y = node("Pad", x.name, self._integers((0, 0, margin, margin) * 2), mode="reflect")
        wide = Value(y, x.channels, x.height + 2 * margin, x.width + 2 * margin)

        def fold(dy: str) -> str:
            """The margins are added to the pixels that they show; columns by a matrix of zeros and ones."""
            dy = node("MatMul", dy, self.builder.constant(_reflection(x.width, margin)))
            return self._folded_rows(dy, x.height, margin)

        return wide, fold if wanted else lambda dy: ""

    def _folded_rows(self, dy: str, height: int, margin: int) -> str:
        """Take height + 2 margin rows to height: those above and below are added to the rows that they show."""
        if height <= 2 * (margin + 1):
            matrix = self.builder.constant(np.ascontiguousarray(_reflection(height, margin).T))
            return self.builder.node("MatMul", matrix, dy)
        above = self._sliced(dy, (margin - 1,), (_BEFORE_FIRST,), (2,), (-1,))
        last = height + 2 * margin - 1
        below = self._sliced(dy, (last,), (last - margin,), (2,), (-1,))
        ends = (margin + 1, 2 * margin + 1, height - 1, height + margin - 1, height + margin)
        parts = [
            self._sliced(dy, (start,), (end,), (2,), (1,)) for start, end in zip((margin, *ends), ends, strict=False)
        ]
        parts[1] = self.builder.node("Add", parts[1], above)
        parts[3] = self.builder.node("Add", parts[3], below)
        return self.builder.node("Concat", *parts, axis=2)

    def _sliced(
        self, x: str, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]
    ) -> str:
        return self.builder.node("Slice", x, *(self._integers(one) for one in (starts, ends, axes, steps)))

    def _reshaped(self, x: str, shape: Sequence[int]) -> str:
        return self.builder.node("Reshape", x, self._integers(shape))

    def _integers(self, values: Sequence[int]) -> str:
        return self.builder.constant(np.array(values, np.int64))

    def _node(self, operator: str, *operands: str, kernel: Sequence[int], **attributes: object) -> str:
        return self.builder.node(operator, *operands, kernel_shape=list(kernel), **attributes)


def _chained(pullbacks: Sequence[Pullback]) -> Pullback:
    def pull(dy: str) -> str:
        for one in reversed(pullbacks):
            dy = one(dy)
        return dy

    return pull


def _pads(plan: Convolution) -> list[int]:
    """Zeros at the top, left, bottom and right, as ONNX lists them."""
    return [*plan.sides[::2], *plan.sides[1::2]]


def _reflection(size: int, margin: int) -> np.ndarray:
    """The matrix (size + 2 margin, size) whose product continues a column of numbers by reflection."""
    return np.eye(size, dtype=np.float32)[np.pad(np.arange(size), margin, mode="reflect")]
