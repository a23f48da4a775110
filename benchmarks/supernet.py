"""What each part of a recipe brings a supernet in the same time: an ablation of ganc-supernet.

    python benchmarks/supernet.py teacher.safetensors horse2zebra --minutes 4 [--variants …] [--json rows.json]

Each variant trains the same space from the same images, for as many steps as fit into the time (of the processor: see
ablation.py). The largest, a middle and the smallest sub-network are compared on the test images with the target's.
docs/distillation.md has the table. A variant whose checkpoint is there is only compared.
"""

import json
import sys
from pathlib import Path

from ablation import LAST_THIRD, ablation_of, parsed, training_columns
from distillation_setup import evaluated
from tabulate import tabulate

from ganc.base.text import format_count
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
    arguments = parsed(__doc__.splitlines()[0], VARIANTS, ("--space", SPACE), Path("out/supernets"))
    ablation = ablation_of("ganc-supernet", arguments, "--space", arguments.space)
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
