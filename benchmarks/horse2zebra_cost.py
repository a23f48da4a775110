"""What the training stages of horse2zebra cost at the published settings (workflow/horse2zebra.yaml).

hours = epochs x images an epoch x seconds a step / 3600, the batch being one image. On a GPU, where nothing was
measured, seconds = FLOPs a step / (peak x SHARE), with FLOPs from the networks' MACs:

    FLOPs of a step = 2 x sum of passes x MACs of the network

A pass that trains counts three times its MACs (forward, gradients of inputs, gradients of weights), one through a
frozen discriminator twice, one of a teacher once. Losses, norms, padding, optimizer, evaluations and the search are
not counted.
"""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from ganc.base.rng import keyed_generator
from ganc.models.layers import count_costs
from ganc.models.space import parse_space
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec, parse_widths

IMAGES = 1334  # an epoch: the larger domain of horse2zebra, trainB
SIZE = (256, 256)
SHARE = 0.3  # of a GPU's peak that a step reaches; an assumption
PEAKS = {"T4": 8.1e12, "V100": 15.7e12, "A100": 19.5e12}  # FLOP/s in float32, as their maker gives them
TRAINED, FROZEN, SHOWN = 3, 2, 1


@dataclass(frozen=True)
class TrainedStage:
    """How long a stage is trained, and what a step passes through.

    Attributes:
        passes: MACs by the network's name in `_macs`, each as often as its passes count.
        case: what benchmarks/training_setup.py measures for it.
    """

    epochs: int
    passes: Mapping[str, int]
    case: Mapping[str, str] = field(default_factory=dict)


# Two generators: a translation, its way back and an identity image each; each discriminator judges a made image for the
# generators, and a real and a made one for itself.
_CYCLE = {"teacher": 6 * TRAINED, "discriminator": 2 * FROZEN + 4 * TRAINED}
_JUDGED = {"teacher": SHOWN, "discriminator": FROZEN + 2 * TRAINED}

STAGES = {
    "replace": TrainedStage(200, _CYCLE, {"step": "cyclegan"}),
    "distill": TrainedStage(200, _JUDGED | {"student": TRAINED}, {"step": "distillation"}),
    "supernet": TrainedStage(400, _JUDGED | {"subnet": TRAINED}, {"step": "supernet"}),
    "finetune": TrainedStage(
        100, _JUDGED | {"chosen": TRAINED}, {"step": "distillation", "student": "16_16_32_16_32_32_16_16"}
    ),
}


def _macs() -> dict[str, float]:
    """Return the MACs of each network for an image; of the supernet the mean of 100 drawn sub-networks."""

    def of(widths) -> float:
        return GeneratorSpec(widths=widths).costs(SIZE).macs

    space = parse_space("channels-32")
    drawn = [of(space.draw(keyed_generator(0, "benchmark/subnet", number))) for number in range(100)]
    named = {"teacher": "64", "student": "32", "chosen": "16_16_32_16_32_32_16_16"}
    return {
        **{name: of(parse_widths(widths)) for name, widths in named.items()},
        "subnet": statistics.mean(drawn),
        "discriminator": count_costs(DiscriminatorSpec(width=64).layers, SIZE).macs,
    }


def cost_rows(seconds: Mapping[str, float]) -> list[dict]:
    """Return a row for each stage and one of their sum: hours on this CPU, from seconds a step, and of GPUs."""
    macs, rows = _macs(), []
    for name, stage in STAGES.items():
        steps = stage.epochs * IMAGES
        flops = 2 * sum(times * macs[network] for network, times in stage.passes.items())
        row: dict = {"stage": name, "steps": steps, "GFLOPs a step": flops / 1e9}
        if name in seconds:
            row |= {"seconds a step": seconds[name], "CPU hours": steps * seconds[name] / 3600}
        rows.append(row | {f"{gpu}, estimated": steps * flops / (peak * SHARE) / 3600 for gpu, peak in PEAKS.items()})
    summed = [key for key in rows[0] if key not in ("stage", "GFLOPs a step", "seconds a step")]
    return [*rows, {"stage": "all", **{key: sum(row[key] for row in rows) for key in summed}}]
