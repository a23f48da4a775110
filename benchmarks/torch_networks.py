"""ganc's generators in the usual PyTorch form, with the same weights: what other benchmarks compare with.

The form is that of the public code: modules one after another, a bias in every convolution, reflection padding and
instance norm as layers of their own.
"""

import torch

from ganc.models.convolutions import INSTANCE_NORM_EPSILON, Convolution, NetworkState


class Residual(torch.nn.Module):
    """x + inner(x)."""

    def __init__(self, layers: list[torch.nn.Module]):
        super().__init__()
        self.inner = torch.nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.inner(x)


def generator(state: NetworkState) -> torch.nn.Module:
    """Return a generator in evaluation mode: float32 (n, c, h, w) in [-1, 1] in and out; values are clipped first."""
    stages = [torch.nn.Hardtanh()]
    stages += [stage(state, number) for number in range(state.spec.shape.stages)]
    return torch.nn.Sequential(*stages).eval()


def stage(state: NetworkState, number: int) -> torch.nn.Sequential:
    """Return one of a generator's stages."""
    spec = state.spec
    plans = spec.stage_convolutions()[number]
    if number not in spec.shape.block_stages:
        return torch.nn.Sequential(
            *(layer for plan in plans for layer in (*_layers(state, plan), _activation(plan))),
        )
    size = len(plans) // (spec.n_blocks // len(spec.shape.block_stages))
    return torch.nn.Sequential(*(_block(state, plans[start : start + size]) for start in range(0, len(plans), size)))


def _block(state: NetworkState, plans: tuple[Convolution, ...]) -> Residual:
    middle = len(plans) // 2
    halves = [[layer for plan in half for layer in _layers(state, plan)] for half in (plans[:middle], plans[middle:])]
    return Residual([*halves[0], torch.nn.ReLU(), *halves[1]])


def _activation(plan: Convolution) -> torch.nn.Module:
    return torch.nn.ReLU() if plan.normalised else torch.nn.Tanh()


def _layers(state: NetworkState, plan: Convolution) -> list[torch.nn.Module]:
    """Padding by reflection, convolution, instance norm: what of these the plan has."""
    sides = {"stride": plan.stride, "padding": plan.padding, "groups": plan.groups}
    if plan.transposed:
        layer = torch.nn.ConvTranspose2d(
            plan.in_channels, plan.out_channels, plan.kernel, output_padding=plan.stride - 1, **sides
        )
    else:
        layer = torch.nn.Conv2d(plan.in_channels, plan.out_channels, plan.kernel, **sides)
    tensors = {name: torch.tensor(state.tensors[f"{plan.name}.{name}"]) for name in ("weight", "bias")}
    layer.load_state_dict(tensors)
    padding = [torch.nn.ReflectionPad2d(plan.reflect)] if plan.reflect else []
    norm = [torch.nn.InstanceNorm2d(plan.out_channels, eps=INSTANCE_NORM_EPSILON)] if plan.normalised else []
    return [*padding, layer, *norm]
