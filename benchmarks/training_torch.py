"""The training steps in plain PyTorch eager, after their papers: what benchmarks/training.py compares with.

As in the public code, each network runs on one batch of images at a time, so that a discriminator runs twice and a
generator's identity pass is a pass of its own.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
import torch_networks
from torch.nn import functional

from ganc.models.convolutions import NetworkState
from ganc.models.family import Widths
from ganc.models.task import CYCLEGAN

Subnet = Callable[[int], Widths | None]


class CycleStep:
    """CycleGAN (arXiv 1703.10593, section 3): both generators, then both discriminators on pooled images."""

    def __init__(self, states: Mapping[str, NetworkState], subnet: Subnet):
        self.generator = torch_networks.generator(states["generator"])
        self.generator_b = torch_networks.generator(states["generator_b"])
        self.discriminator = torch_networks.discriminator(states["discriminator"])
        self.discriminator_b = torch_networks.discriminator(states["discriminator_b"])
        self.generators_adam = _adam(self.generator, self.generator_b)
        self.discriminators_adam = _adam(self.discriminator, self.discriminator_b)
        self.pool, self.pool_b = ImagePool(CYCLEGAN.pool_size), ImagePool(CYCLEGAN.pool_size)

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> dict:
        """Train on one batch, (n, c, h, w) each, and return the losses by name."""
        source, target = torch.from_numpy(source), torch.from_numpy(target)
        made, made_b = self.generator(source), self.generator_b(target)
        _learn((self.discriminator, self.discriminator_b), False)
        losses = self._generator_losses(source, target, made, made_b)
        _descend(self.generators_adam, sum(losses.values()), learning_rate)
        _learn((self.discriminator, self.discriminator_b), True)
        judgements = {
            "discriminator": judgement(self.discriminator, target, self.pool.exchange(made.detach())),
            "discriminator_b": judgement(self.discriminator_b, source, self.pool_b.exchange(made_b.detach())),
        }
        _descend(self.discriminators_adam, sum(judgements.values()), learning_rate)
        return _detached(losses | judgements)

    def _generator_losses(self, source, target, made, made_b) -> dict:
        cycle, identity = CYCLEGAN.cycle_weight, CYCLEGAN.cycle_weight * CYCLEGAN.identity_weight
        return {
            "gan": persuasion(self.discriminator(made)),
            "gan_b": persuasion(self.discriminator_b(made_b)),
            "cycle": cycle * functional.l1_loss(self.generator_b(made), source),
            "cycle_b": cycle * functional.l1_loss(self.generator(made_b), target),
            "identity": identity * functional.l1_loss(self.generator(target), target),
            "identity_b": identity * functional.l1_loss(self.generator_b(source), source),
        }


class DistillationStep:
    """GAN Compression (arXiv 2003.08936, section 3.1), of a whole student or a sub-network of one."""

    def __init__(self, states: Mapping[str, NetworkState], subnet: Subnet):
        self.subnet = subnet
        self.teacher, self.student = TappedGenerator(states["teacher"]), TappedGenerator(states["generator"])
        self.discriminator = torch_networks.discriminator(states["discriminator"])
        self.adaptors = Adaptors(states["adaptors"])
        self.student_adam = _adam(self.student, self.adaptors)
        self.discriminator_adam = _adam(self.discriminator)

    def update(self, source: np.ndarray, target: np.ndarray, step: int, learning_rate: float) -> dict:
        """Train on one batch; both optimizers step at the end, and both losses see the student as it was."""
        source, target = torch.from_numpy(source), torch.from_numpy(target)
        with torch.no_grad():
            wanted, wanted_taps = self.teacher(source)
        made, taps = self.student.narrowed(self.subnet(step), source)
        pairs = zip(self.adaptors(taps), wanted_taps, strict=True)
        _learn((self.discriminator,), False)
        losses = {
            "gan": persuasion(self.discriminator(made)),
            "reconstruction": CYCLEGAN.reconstruction_weight * functional.l1_loss(made, wanted),
            "feature": CYCLEGAN.feature_weight * sum(functional.mse_loss(ours, theirs) for ours, theirs in pairs),
        }
        _descend(self.student_adam, sum(losses.values()), learning_rate)
        _learn((self.discriminator,), True)
        losses["discriminator"] = judgement(self.discriminator, target, made.detach())
        _descend(self.discriminator_adam, losses["discriminator"], learning_rate)
        return _detached(losses)


class TappedGenerator(torch.nn.Module):
    """A generator that gives taps too, and runs as itself or as a sub-network of its leading channels."""

    def __init__(self, state: NetworkState):
        super().__init__()
        self.state, self.network = state, torch_networks.generator(state)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        taps = []
        for number, module in enumerate(self.network, -1):  # the first clips
            x = module(x)
            if number in self.state.spec.shape.taps:
                taps.append(x)
        return x, taps

    def narrowed(self, widths: Widths | None, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Run the sub-network of `widths`, whose weights are slices of this one's."""
        if widths is None:
            return self(x)
        narrow = TappedGenerator(self.state.leading(self.state.spec.narrowed(widths)))
        whole = dict(self.named_parameters())
        slices = {
            name: whole[name][tuple(map(slice, parameter.shape))] for name, parameter in narrow.named_parameters()
        }
        return torch.func.functional_call(narrow, slices, (x,))


class Adaptors(torch.nn.Module):
    """Learned 1x1 convolutions to the teacher's channels; a thinner sub-network uses the leading inputs."""

    def __init__(self, state: NetworkState):
        super().__init__()
        names = [plan.name for plan in state.spec.convolutions()]
        self.weights, self.biases = (
            torch.nn.ParameterList(torch.tensor(state.tensors[f"{name}.{kind}"]) for name in names)
            for kind in ("weight", "bias")
        )

    def forward(self, taps: list[torch.Tensor]) -> list[torch.Tensor]:
        return [
            functional.conv2d(tap, weight[:, : tap.shape[1]], bias)
            for tap, weight, bias in zip(taps, self.weights, self.biases, strict=True)
        ]


class ImagePool:
    """Generated images, of which newer and older ones are handed out (arXiv 1612.07828, section 2.3)."""

    def __init__(self, size: int):
        self.size, self.images, self.draws = size, [], random.Random(0)

    def exchange(self, images: torch.Tensor) -> torch.Tensor:
        """Return as many images as there are: each itself, or an older one that it then replaces."""
        out = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.draws.random() < 0.5:
                slot = self.draws.randrange(self.size)
                self.images[slot], image = image, self.images[slot]
            out.append(image)
        return torch.stack(out)


def persuasion(scores: torch.Tensor) -> torch.Tensor:
    """A generator's GAN loss by least squares (arXiv 1611.04076, equation 9)."""
    return CYCLEGAN.gan_weight * functional.mse_loss(scores, torch.ones_like(scores))


def judgement(discriminator: torch.nn.Module, real: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    """A discriminator's loss by least squares, halved; one pass for real images and one for made ones."""
    real_scores, made_scores = discriminator(real), discriminator(made)
    real_loss = functional.mse_loss(real_scores, torch.ones_like(real_scores))
    return 0.5 * (real_loss + functional.mse_loss(made_scores, torch.zeros_like(made_scores)))


def _adam(*modules: torch.nn.Module) -> torch.optim.Adam:
    parameters = itertools.chain.from_iterable(module.parameters() for module in modules)
    return torch.optim.Adam(parameters, betas=(0.5, 0.999))


def _descend(adam: torch.optim.Adam, loss: torch.Tensor, learning_rate: float) -> None:
    for group in adam.param_groups:
        group["lr"] = learning_rate
    adam.zero_grad()
    loss.backward()
    adam.step()


def _learn(modules: Iterable[torch.nn.Module], learn: bool) -> None:
    for module in modules:
        module.requires_grad_(learn)


def _detached(losses: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: loss.detach() for name, loss in losses.items()}
