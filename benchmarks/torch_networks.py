"""ganc's networks as usual PyTorch modules, with the same weights: what other benchmarks compare with.

The structure is that of the public code: modules one after another, a bias in every convolution, reflection padding
and instance norm as layers of their own.
"""

import torch

from ganc.models.convolutions import Convolution, NetworkState
from ganc.models.layers import Activation, Dropout, Function, InstanceNorm, Layer, Layers, Residual, channels_after

FUNCTIONS = {Function.RELU: torch.nn.ReLU, Function.RELU6: torch.nn.ReLU6, Function.TANH: torch.nn.Tanh}


class Adding(torch.nn.Module):
    """x + inner(x)."""

    def __init__(self, inner: torch.nn.Module):
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


def generator(state: NetworkState) -> torch.nn.Module:
    """Return a generator in evaluation mode: float32 (n, c, h, w) in [-1, 1] in and out; values are clipped first."""
    segments = [segment(state, number) for number in range(state.spec.shape.segments)]
    return torch.nn.Sequential(torch.nn.Hardtanh(), *segments).eval()


def segment(state: NetworkState, number: int) -> torch.nn.Sequential:
    """Return one of a generator's segments."""
    return _sequence(state, state.spec.segments[number], state.spec.segment_channels(number - 1))


def discriminator(state: NetworkState) -> torch.nn.Sequential:
    """Return a discriminator: float32 (n, c, h, w) to one score a patch, (n, 1, h', w')."""
    return _sequence(state, state.spec.layers, state.spec.in_channels)


def _sequence(state: NetworkState, layers: Layers, channels: int) -> torch.nn.Sequential:
    modules = []
    for layer in layers:
        modules += _modules(state, layer, channels)
        channels = channels_after((layer,), channels)
    return torch.nn.Sequential(*modules)


def _modules(state: NetworkState, layer: Layer, channels: int) -> list[torch.nn.Module]:
    match layer:
        case Convolution():
            return _convolution(state, layer)
        case InstanceNorm(epsilon):
            return [torch.nn.InstanceNorm2d(channels, eps=epsilon)]
        case Activation(Function.LEAKY_RELU, slope):
            return [torch.nn.LeakyReLU(slope)]
        case Activation(function):
            return [FUNCTIONS[function]()]
        case Dropout(probability):
            return [torch.nn.Dropout(probability)]
        case Residual(body):
            return [Adding(_sequence(state, body, channels))]
    raise TypeError(f"no PyTorch module for {layer!r}")


def _convolution(state: NetworkState, plan: Convolution) -> list[torch.nn.Module]:
    """Padding by reflection, where the plan has it, and the convolution."""
    sides = {"stride": plan.stride, "padding": plan.padding, "groups": plan.groups}
    if plan.transposed:
        layer = torch.nn.ConvTranspose2d(
            plan.in_channels, plan.out_channels, plan.kernel, output_padding=plan.stride - 1, **sides
        )
    else:
        layer = torch.nn.Conv2d(plan.in_channels, plan.out_channels, plan.kernel, **sides)
    tensors = {name: torch.tensor(state.tensors[f"{plan.name}.{name}"]) for name in ("weight", "bias")}
    layer.load_state_dict(tensors)
    return [*([torch.nn.ReflectionPad2d(plan.reflect)] if plan.reflect else []), layer]
