"""The building blocks of the networks, in Paddle. Every layer can run on its leading channels alone."""

import numpy as np

from ganc.base.rng import keyed_generator
from ganc.models import cpu_forms
from ganc.models.convolutions import INSTANCE_NORM_EPSILON, Convolution, NetworkSpec, NetworkState, tensor_shapes
from ganc.system.runtime import paddle

functional = paddle.nn.functional


class ElasticConvolution(paddle.nn.Layer):
    """A convolution that can run with its leading input and output channels."""

    def __init__(self, plan: Convolution):
        super().__init__()
        self.plan = plan
        zeros = paddle.nn.initializer.Constant(0.0)
        self.weight = self.create_parameter(list(plan.weight_shape), default_initializer=zeros)
        self.bias = self.create_parameter([plan.out_channels], is_bias=True, default_initializer=zeros)

    def forward(self, x, out_channels: int | None = None):
        """Map (n, c, h, w) to (n, out_channels, h', w'), c being any number up to the full input channels.

        In front of an instance norm the bias would be subtracted again: it is left out there.
        """
        plan = self.plan
        if plan.reflect:
            x = cpu_forms.reflect(x, plan.reflect)
        ins = x.shape[1]
        outs = ins if plan.depthwise else out_channels or plan.out_channels
        weight = _leading(self.weight, (ins, outs) if plan.transposed else (outs, 1 if plan.depthwise else ins))
        bias = None if plan.normalised else _leading(self.bias, (outs,))
        if plan.transposed:
            return _upsample(x, weight, bias, plan)
        if cpu_forms.prefers_transposed(plan):
            return cpu_forms.transposed(x, weight, bias, plan)
        if cpu_forms.prefers_matrix_product(plan, x):
            return cpu_forms.pointwise(x, weight, bias)
        return functional.conv2d(x, weight, bias, plan.stride, plan.padding, groups=outs if plan.depthwise else 1)


def _leading(tensor, sizes: tuple[int, ...]):
    if all(full == size for full, size in zip(tensor.shape, sizes, strict=False)):
        return tensor
    return paddle.slice(tensor, axes=list(range(len(sizes))), starts=[0] * len(sizes), ends=list(sizes))


def _upsample(x, weight, bias, plan: Convolution):
    """A transposed convolution whose output is `stride` times as wide and high as its input."""
    output_padding = plan.stride - 1
    if _infers_wrong_sizes():
        # The same rows and columns are kept by cropping less at the end.
        sides = [plan.padding, plan.padding - output_padding] * 2
        return functional.conv2d_transpose(x, weight, bias, plan.stride, sides)
    return functional.conv2d_transpose(x, weight, bias, plan.stride, plan.padding, output_padding=output_padding)


def _infers_wrong_sizes() -> bool:
    """Whether this is Paddle 2 tracing for open sizes, where it takes output padding on an open size for size 0."""
    return not paddle.in_dynamic_mode() and paddle.__version__.startswith("2.")


def instance_norm(x):
    """Normalise each channel of each picture, without learned scale or shift."""
    return functional.instance_norm(x, eps=INSTANCE_NORM_EPSILON)


class Network(paddle.nn.Layer):
    """What generator, discriminator and adaptors share: a spec, and tensors going in and out as arrays."""

    spec: NetworkSpec

    def initialise(self, seed: int, stream: str) -> None:
        """Draw the weights from N(0, 0.02) and set the biases to 0 (CycleGAN, arXiv 1703.10593, section 7.1)."""
        tensors = {}
        for name, shape in tensor_shapes(self.spec).items():
            draws = keyed_generator(seed, f"initialise/{stream}/{name}")
            values = np.zeros(shape) if name.endswith(".bias") else draws.normal(0.0, 0.02, shape)
            tensors[name] = values.astype(np.float32)
        self.load(tensors)

    def load(self, tensors: dict[str, np.ndarray]) -> None:
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
        network.load(dict(state.tensors))
        return network
