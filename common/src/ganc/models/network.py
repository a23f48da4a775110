"""Layers in Paddle: the network that holds a spec's tensors, and what runs layers with them.

A network runs the layers of a spec with the leading channels of its own tensors: the layers of a narrower spec run the
sub-network that these channels make.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from ganc.models import cpu_forms
from ganc.models.convolutions import Convolution, NetworkSpec, NetworkState, initial_state
from ganc.models.layers import (
    Activation,
    Branches,
    Dropout,
    Function,
    GlobalPool,
    InstanceNorm,
    Layer,
    Layers,
    Pool,
    PoolKind,
    Residual,
    Upsample,
    with_norms,
)
from ganc.system.runtime import Tensor, paddle

functional = paddle.nn.functional

Run = Callable[[Tensor], Tensor]


class ElasticConvolution(paddle.nn.Layer):
    """The tensors of a convolution, which runs as itself or as a narrower one of their leading channels."""

    def __init__(self, plan: Convolution):
        super().__init__()
        zeros = paddle.nn.initializer.Constant(0.0)
        self.weight = self.create_parameter(list(plan.weight_shape), default_initializer=zeros)
        self.bias = self.create_parameter([plan.out_channels], is_bias=True, default_initializer=zeros)

    def forward(self, x: Tensor, plan: Convolution, biased: bool = True) -> Tensor:
        """Map (n, plan.in_channels, h, w) to (n, plan.out_channels, h', w').

        Args:
            plan: the convolution itself or a narrower one.
            biased: whether the bias is added.
        """
        if plan.reflect:
            x = cpu_forms.reflect(x, plan.reflect)
        weight = _leading(self.weight, plan.weight_shape[:2])
        bias = _leading(self.bias, (plan.out_channels,)) if biased else None
        if plan.transposed:
            return _upsample(x, weight, bias, plan)
        if cpu_forms.prefers_transposed(plan):
            return cpu_forms.transposed(x, weight, bias, plan)
        if cpu_forms.prefers_matrix_product(plan, x):
            return cpu_forms.pointwise(x, weight, bias)
        padding = list(plan.sides if plan.end_padding else plan.padding)
        return functional.conv2d(x, weight, bias, plan.stride, padding, groups=plan.groups)


def _leading(tensor: Tensor, sizes: tuple[int, ...]) -> Tensor:
    if all(full == size for full, size in zip(tensor.shape, sizes, strict=False)):
        return tensor
    return paddle.slice(tensor, axes=list(range(len(sizes))), starts=[0] * len(sizes), ends=list(sizes))


def _upsample(x: Tensor, weight: Tensor, bias: Tensor | None, plan: Convolution) -> Tensor:
    """A transposed convolution, (n, in, h, w) to (n, out, stride h, stride w)."""
    output_padding = plan.stride - 1
    if _infers_wrong_sizes():
        # The same rows and columns are kept by cropping less at the end.
        sides = [side for padding in plan.padding for side in (padding, padding - output_padding)]
        return functional.conv2d_transpose(x, weight, bias, plan.stride, sides)
    padding = list(plan.padding)
    return functional.conv2d_transpose(x, weight, bias, plan.stride, padding, output_padding=output_padding)


def _infers_wrong_sizes() -> bool:
    """Whether this is Paddle 2 tracing for open sizes, where it takes output padding on an open size for size 0."""
    return not paddle.in_dynamic_mode() and paddle.__version__.startswith("2.")


class Network(paddle.nn.Layer):
    """The tensors of a spec's convolutions under the names that the spec gives them.

    A subclass says in which order the convolutions run.
    """

    def __init__(self, spec: NetworkSpec):
        super().__init__()
        self.spec: Any = spec  # as narrow as the subclass takes it
        self._convolutions: Mapping[str, ElasticConvolution] = {}
        for plan in spec.convolutions():
            self._convolutions[plan.name] = self._placed(plan.name, ElasticConvolution(plan))

    def _placed(self, name: str, layer: ElasticConvolution) -> ElasticConvolution:
        """Add a layer where its dotted name says, as Paddle names tensors after the layers around them."""
        *parents, last = name.split(".")
        parent = self
        for part in parents:
            if part not in parent._sub_layers:
                parent.add_sublayer(part, paddle.nn.Layer())
            parent = parent._sub_layers[part]
        parent.add_sublayer(last, layer)
        return layer

    def bound(self, layers: Layers) -> Run:
        """Return a function that runs layers whose convolutions are this network's own, or narrower ones."""
        return _in_turn(tuple(self._bound(layer, normalised) for layer, normalised in with_norms(layers)))

    def _bound(self, layer: Layer, normalised: bool) -> Run:
        match layer:
            case Convolution():
                convolution: Any = self._convolutions[layer.name]
                return partial(convolution, plan=layer, biased=not normalised)
            case Dropout(probability):
                return lambda x: functional.dropout(x, probability, training=self.training)
            case Residual(body):
                return _adding(self.bound(body))
            case Branches(chains):
                return _joining(tuple(self.bound(chain) for chain in chains))
        return _stateless(layer)

    def initialise(self, seed: int, stream: str) -> None:
        """Draw fresh weights; see `initial_state`."""
        self.load(initial_state(self.spec, seed, f"initialise/{stream}").tensors)

    def load(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Set every tensor from arrays by name, which must fit the spec."""
        state = NetworkState(self.spec, tensors)
        for name, parameter in self.named_parameters():
            parameter.set_value(state.tensors[name])

    def state(self) -> NetworkState:
        """Return spec and tensors as arrays."""
        return NetworkState(self.spec, {name: parameter.numpy() for name, parameter in self.named_parameters()})

    @classmethod
    def from_state(cls, state: NetworkState) -> "Network":
        """Build the network that a state describes."""
        network = cls(state.spec)
        network.load(state.tensors)
        return network


def _in_turn(runs: tuple[Run, ...]) -> Run:
    def run(x: Tensor) -> Tensor:
        for one in runs:
            x = one(x)
        return x

    return run


def _adding(body: Run) -> Run:
    return lambda x: x + body(x)


def _joining(chains: tuple[Run, ...]) -> Run:
    return lambda x: paddle.concat([chain(x) for chain in chains], axis=1)


def _stateless(layer: Layer) -> Run:
    """Return what runs a layer without tensors."""
    match layer:
        case InstanceNorm(epsilon):
            return partial(functional.instance_norm, eps=epsilon)
        case Activation(Function.LEAKY_RELU, slope):
            return partial(functional.leaky_relu, negative_slope=slope)
        case Activation(function):
            return _FUNCTIONS[function]
        case Pool(kind=PoolKind.MAX):
            return partial(_max_pool, layer=layer)
        case Pool():
            return partial(_average_pool, layer=layer)
        case GlobalPool():
            return lambda x: functional.adaptive_avg_pool2d(x, 1).flatten(1)  # mean() has no oneDNN form, and says so
        case Upsample(scale):
            return partial(_enlarged, scale=scale)
    raise TypeError(f"no layer: {layer!r}")


_FUNCTIONS: dict[Function, Run] = {
    Function.RELU: functional.relu,
    Function.RELU6: functional.relu6,
    Function.TANH: paddle.tanh,
}


def _max_pool(x: Tensor, layer: Pool) -> Tensor:
    return functional.max_pool2d(x, layer.kernel, layer.stride, layer.padding)


def _average_pool(x: Tensor, layer: Pool) -> Tensor:
    return functional.avg_pool2d(x, layer.kernel, layer.stride, layer.padding, exclusive=True)


def _enlarged(x: Tensor, scale: int) -> Tensor:
    """Repeat each pixel; Paddle 3.3's own interpolation fails in an inference model with oneDNN (Paddle #77340)."""
    return functional.pixel_shuffle(paddle.repeat_interleave(x, scale**2, axis=1), scale)


@contextlib.contextmanager
def frozen(*networks: Network) -> Iterator[None]:
    """Compute no gradients for these networks' parameters within the block; gradients still pass through them."""
    parameters = [parameter for network in networks for parameter in network.parameters()]
    for parameter in parameters:
        parameter.stop_gradient = True
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.stop_gradient = False
