"""What each part of a recipe brings a supernet in the same time: an ablation of ganc-supernet.

    python benchmarks/supernet.py teacher.safetensors horse2zebra --minutes 4 [--variants …] [--json rows.json]

Each variant trains the same space from the same images, for as many steps as fit into the time (of the processor: see
ablation.py). The largest, a middle and the smallest sub-network are compared on the test images with the target's.
docs/distillation.md has the table. A variant whose checkpoint is there is only compared.
"""

import argparse
import json
import sys
from pathlib import Path

from ablation import LAST_THIRD, Ablation, training_columns
from distillation_setup import evaluated
from tabulate import tabulate

from ganc.base.text import format_count
from ganc.data import read_images
from ganc.models.family import format_widths
from ganc.models.space import SearchSpace, parse_space

# 2.00 to 0.60 GMACs at 256x256: that of workflow/real-generator.yaml.
SPACE = "16,12,8/16,12/28,24,20,16/16,12,8/28,24,16,12/28,24,16,12/12,8/16,12,8"

NEAR = ("--start-from", "teacher", "--importance", "reads", "--refit", "96")
FAST = (*NEAR, "--gan-weight", "0", "--lr", "0.001", "--warm-up", "100")
VARIANTS = {
    "published": (),
    "published, started near": NEAR,
    "… no GAN, lr 0.001": FAST,
    "… and lite0=1": (*FAST, "--loss", "lite0=1"),
    "… lite0=5": (*FAST, "--loss", "lite0=5"),
    "imitate, the default": ("--recipe", "imitate"),
    "imitate, GAN in the last third": ("--recipe", "imitate", "--gan-weight", "1", "--gan-from", LAST_THIRD),
    "imitate, --sampling sandwich": ("--recipe", "imitate", "--sampling", "sandwich"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="of " + "; ".join(VARIANTS))
    parser.add_argument("--minutes", type=float, default=4.0, help="of the processor's time, each variant")
    parser.add_argument("--space", default=SPACE, help="of the supernet")
    parser.add_argument("--size", type=int, default=256, help="of the images that are compared")
    parser.add_argument("--crop", type=int, default=128, help="of the images that are trained on, two a step")
    parser.add_argument("--engine", default="openvino", help="of the training's passes")
    parser.add_argument("--out", type=Path, default=Path("out/supernets"), help="folder for the checkpoints")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()
    unknown = set(arguments.variants or ()) - set(VARIANTS)
    if unknown:
        parser.error(f"no variants: {'; '.join(sorted(unknown))}")

    ablation = Ablation(
        command="ganc-supernet",
        options=[
            *("--teacher", arguments.teacher, "--data", arguments.data, "--space", arguments.space),
            *("--load-size", arguments.size, "--crop-size", arguments.crop, "--batch-size", 2, "--eval-every", 0),
            *("--engine", arguments.engine, "--device", "cpu", "--seed", 1, "--recipe", "published"),
        ],
        images=len(read_images(arguments.data, "trainA").paths),
        minutes=arguments.minutes,
        out=arguments.out,
    )
    subnets = [format_widths(widths) for widths in examined(parse_space(arguments.space))]
    rows = []
    for name in arguments.variants or VARIANTS:
        print(f"{name} …", file=sys.stderr)
        made, found = ablation.trained(name, VARIANTS[name])
        values = [evaluated(made, arguments.data, arguments.size, "--config", widths) for widths in subnets]
        rows.append({"variant": name, "subnets": values} | found)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1))
    print(tabulate(map(_line, rows), headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


def examined(space: SearchSpace) -> list[tuple[int, ...]]:
    """Return the largest sub-network, one of the middle choice in every segment, and the smallest."""
    middle = tuple(sorted(choices)[(len(choices) - 1) // 2] for choices in space.choices)
    return [space.largest, middle, space.smallest]


def _line(row: dict) -> dict[str, str]:
    values = {
        f"{format_count(one['macs'])} MACs": f"{1000 * one['kernel']:.1f} ± {1000 * one['kernel_error']:.1f}"
        for one in row["subnets"]
    }
    return {"variant": row["variant"], **values, **training_columns(row)}


if __name__ == "__main__":
    main()
