"""Layers with their gradients as ONNX nodes, so that an engine for graphs can run the passes of a training step.

Each method writes a layer and returns its pullback, which writes the gradient at the layer's input, given the one at
its output. The gradients of a convolution are convolutions and matrix products. Weights are inputs of the graph, as
they change with every step; sizes are fixed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from ganc.base.errors import SpecError
from ganc.models.convolutions import Convolution
from ganc.models.layers import (
    RELU6_CEILING,
    Activation,
    Function,
    InstanceNorm,
    Layer,
    Layers,
    Residual,
    inner_layers,
    with_norms,
)
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.reflection import folded, mirrored

Pullback = Callable[[str], str]


@dataclass(frozen=True)
class Value:
    """A value in the graph: its name and its shape, (n, channels, height, width)."""

    name: str
    channels: int
    height: int
    width: int

    def shape(self, images: int) -> tuple[int, int, int, int]:
        """Return the shape for that many images."""
        return (images, self.channels, self.height, self.width)


def differentiable(layers: Layers) -> bool:
    """Whether gradients of these layers can be written."""
    return all(
        isinstance(layer, Convolution | InstanceNorm | Activation | Residual)
        and all(differentiable(chain) for chain in inner_layers(layer))
        for layer in layers
    )


class GradientWriter:
    """Writes layers as one graph, and their gradients as another.

    `write` adds layers to the forward graph. Its pullbacks add to the backward graph, which `turn` begins. What they
    use of the forward pass is an input there and an output of the forward graph, a value in `kept`; padding and
    activations are computed again instead. Tensors are inputs of both graphs, or constants where they never change.

    Attributes:
        builder: the graph that is being written.
        images: n, the images of a batch.
        learns: whether gradients of the weights are wanted.
        constants: the tensors that never change, by name.
        weights: shapes of the other tensors that the layers use, in the order of their inputs; filled by `write`.
        gradients: the value of each tensor's gradient; filled by the pullbacks.
        kept: values of the forward graph, in the order of the backward graph's inputs; filled by the pullbacks.
    """

    def __init__(self, builder: GraphBuilder, images: int, *, learns: bool, constants: Mapping[str, np.ndarray]):
        self.builder, self.images, self.learns, self.constants = builder, images, learns, constants
        self.weights: dict[str, tuple[int, ...]] = {}
        self.gradients: dict[str, str] = {}
        self.kept: list[Value] = []
        self._recalled: dict[str, str] = {}  # values of the forward graph by name: their names in the backward graph
        self._recipes: dict[str, Callable[[], str]] = {}  # what computes some of them again

    def turn(self, builder: GraphBuilder, images: Value) -> None:
        """Begin the backward graph; `images` are the forward graph's input."""
        self.builder = builder
        self._recipes[images.name] = lambda: builder.input(images.name, np.float32, images.shape(self.images))

    def _recall(self, x: Value) -> Value:
        """Return a value of the forward pass in the backward graph."""
        if x.name not in self._recalled:
            self._recalled[x.name] = self._recipes.get(x.name, partial(self._keep, x))()
        return replace(x, name=self._recalled[x.name])

    def _keep(self, x: Value) -> str:
        self.kept.append(x)
        return self.builder.input(f"kept_{len(self.kept) - 1}", np.float32, x.shape(self.images))

    def _recall_tensor(self, name: str) -> str:
        """Return a tensor in the backward graph."""
        if name not in self._recalled:
            self._recalled[name] = self._given_tensor(name)
        return self._recalled[name]

    def _given_tensor(self, name: str) -> str:
        if name in self.constants:
            return self.builder.constant(self.constants[name], name)
        return self.builder.input(name, np.float32, self.weights[name])

    def _add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.builder.node(operator, *inputs, **attributes)

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
        made, pull_body = self.write(body, x, wanted)

        def pull(dy: str) -> str:
            dx = pull_body(dy)
            return self._add("Add", dy, dx) if wanted else ""

        return replace(x, name=self._add("Add", x.name, made.name)), pull

    def _activation(self, layer: Activation, x: Value, wanted: bool) -> tuple[Value, Pullback]:
        y = replace(x, name=self._activated(layer, x))
        self._recipes[y.name] = lambda: self._activated(layer, self._recall(x))

        def pull(dy: str) -> str:
            return self._add("Mul", dy, self._slope(layer, self._recall(y).name)) if wanted else ""

        return y, pull

    def _activated(self, layer: Activation, x: Value) -> str:
        match layer.function:
            case Function.RELU:
                return self._add("Relu", x.name)
            case Function.RELU6:
                return self._add("Clip", x.name, *map(self.builder.parameter, (0.0, RELU6_CEILING)))
            case Function.LEAKY_RELU:
                return self._add("LeakyRelu", x.name, alpha=layer.slope)
            case Function.TANH:
                return self._add("Tanh", x.name)
        raise SpecError(f"no gradient can be written for {layer!r}")

    def _slope(self, layer: Activation, y: str) -> str:
        """Return an activation's derivative where its output is `y`."""
        builder = self.builder
        if layer.function is Function.TANH:
            return self._add("Sub", builder.parameter(1.0), self._add("Mul", y, y))
        above = self._add("Greater", y, builder.parameter(0.0))
        if layer.function is Function.RELU6:
            above = self._add("And", above, self._add("Less", y, builder.parameter(RELU6_CEILING)))
        positive = builder.cast(above, np.float32)
        if layer.function is Function.LEAKY_RELU:
            kept = self._add("Mul", positive, builder.parameter(1 - layer.slope))
            return self._add("Add", kept, builder.parameter(layer.slope))
        return positive

    def _instance_norm(self, x: Value, epsilon: float, wanted: bool) -> tuple[Value, Pullback]:
        add, builder = self._add, self.builder
        centred = add("Sub", x.name, self._mean(x.name))
        variance = self._mean(add("Mul", centred, centred))
        spread = add("Sqrt", add("Add", variance, builder.parameter(epsilon)))
        inverse = Value(add("Div", builder.parameter(1.0), spread), x.channels, 1, 1)
        y = replace(x, name=add("Mul", centred, inverse.name))

        def pull(dy: str) -> str:
            """The projection that keeps mean and variance; batch norm's gradient (arXiv 1502.03167, section 3)."""
            if not wanted:
                return ""
            normal = self._recall(y).name
            along = add("Mul", normal, self._mean(add("Mul", dy, normal)))
            return add("Mul", add("Sub", add("Sub", dy, self._mean(dy)), along), self._recall(inverse).name)

        return y, pull

    def _mean(self, x: str) -> str:
        return self._add("ReduceMean", x, axes=[2, 3], keepdims=1)

    def _convolution(self, plan: Convolution, x: Value, normalised: bool, wanted: bool) -> tuple[Value, Pullback]:
        """Padding by reflection, and the convolution; its bias has no effect in front of an instance norm."""
        weight = self._tensor(plan, "weight", plan.weight_shape)
        bias = None if normalised else self._tensor(plan, "bias", (plan.out_channels,))
        x, fold = self._reflected(x, plan.reflect, wanted)
        y = self._convolved(plan, x, weight, bias)

        def pull(dy: str) -> str:
            if self.learns:
                self.gradients[f"{plan.name}.weight"] = self._weight_gradient(plan, self._recall(x), dy, y)
                if bias:
                    self.gradients[f"{plan.name}.bias"] = self._summed(dy, (0, 2, 3))
            if not wanted:
                return ""
            return fold(self._input_gradient(plan, x, self._recall_tensor(weight), dy, y))

        return y, pull

    def _tensor(self, plan: Convolution, kind: str, shape: Sequence[int]) -> str:
        name = f"{plan.name}.{kind}"
        if name not in self.constants:
            self.weights[name] = tuple(shape)
        return self._given_tensor(name)

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
            weight = self.builder.reverse(weight, (2, 3), [size - 1 for size in plan.kernel])
        return weight if plan.depthwise else self._add("Transpose", weight, perm=[1, 0, 2, 3])

    def _weight_gradient(self, plan: Convolution, x: Value, dy: str, y: Value) -> str:
        """Return the gradient of the weight: the input convolved with the output's gradient as its kernel.

        Of a transposed convolution the two change places, as it is the adjoint of a plain one.
        """
        wide, small = x, replace(y, name=dy)
        if plan.transposed:
            wide, small = small, wide
        if plan.depthwise:
            return self._depthwise_correlation(plan, wide, small)
        if plan.kernel == (1, 1) and plan.stride == 1:
            found = self._product(self._rows(small), self._rows(wide))
            return self.builder.reshape(found, plan.weight_shape)
        turned, kernels = (self._add("Transpose", one.name, perm=[1, 0, 2, 3]) for one in (wide, small))
        found = self._correlation(plan, turned, kernels, small)
        return self._add("Transpose", found, perm=[1, 0, 2, 3])

    def _depthwise_correlation(self, plan: Convolution, wide: Value, small: Value) -> str:
        """As a depthwise convolution of all images' channels at once, summed over the images."""
        count = self.images * small.channels
        x = self.builder.reshape(wide.name, (1, count, wide.height, wide.width))
        kernels = self.builder.reshape(small.name, (count, 1, small.height, small.width))
        found = self._correlation(plan, x, kernels, small, groups=count)
        by_image = self.builder.reshape(found, (self.images, *plan.weight_shape))
        return self._summed(by_image, (0,))

    def _correlation(self, plan: Convolution, x: str, kernels: str, small: Value, groups: int = 1) -> str:
        """Convolve with kernels of the size of `small`; only as many places are kept as the plan's kernel has."""
        size = (small.height, small.width)
        dilation = [plan.stride] * 2
        found = self._node("Conv", x, kernels, kernel=size, dilations=dilation, pads=_pads(plan), group=groups)
        return self.builder.slice(found, (2, 3), (0, 0), plan.kernel)

    def _rows(self, x: Value) -> str:
        return self.builder.reshape(x.name, (self.images, x.channels, x.height * x.width))

    def _product(self, left: str, right: str) -> str:
        """Return (channels of left, channels of right): sums of the products over all images and pixels."""
        each = self._add("MatMul", left, self._add("Transpose", right, perm=[0, 2, 1]))
        return self._summed(each, (0,))

    def _summed(self, x: str, axes: Sequence[int]) -> str:
        return self._add("ReduceSum", x, self.builder.integers(axes), keepdims=0)

    def _reflected(self, x: Value, margin: int, wanted: bool) -> tuple[Value, Pullback]:
        if not margin:
            return x, lambda dy: dy
        wide = Value(mirrored(self.builder, x.name, margin), x.channels, x.height + 2 * margin, x.width + 2 * margin)
        self._recipes[wide.name] = lambda: mirrored(self.builder, self._recall(x).name, margin)
        if not wanted:
            return wide, lambda dy: ""
        return wide, lambda dy: folded(self.builder, dy, (x.height, x.width), margin)

    def _node(self, operator: str, *operands: str, kernel: Sequence[int], **attributes: object) -> str:
        return self._add(operator, *operands, kernel_shape=list(kernel), **attributes)


def _chained(pullbacks: Sequence[Pullback]) -> Pullback:
    def pull(dy: str) -> str:
        for one in reversed(pullbacks):
            dy = one(dy)
        return dy

    return pull


def _pads(plan: Convolution) -> list[int]:
    """Zeros at the top, left, bottom and right, as ONNX lists them."""
    return [*plan.sides[::2], *plan.sides[1::2]]
