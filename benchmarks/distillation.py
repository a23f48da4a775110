"""What each part of a recipe brings in the same time: an ablation of ganc-distill; docs/distillation.md has its table.

    python benchmarks/distillation.py teacher.safetensors horse2zebra --minutes 4 [--variants …] [--json rows.json]

Each variant distills the same student from the same images, for as many steps as fit into the time (of the processor:
see ablation.py), and is compared on the test images with the teacher: L1 distance to its images, and the metric. A
variant whose checkpoint is there is only compared.
"""

import json
import sys
from pathlib import Path

from ablation import HALF, LAST_THIRD, ablation_of, parsed, training_columns
from distillation_setup import Exam, quality, untouched
from tabulate import tabulate

WIDTHS = "16_16_24_12_20_24_8_12"  # 1.38 GMACs at 256x256

NO_GAN = ("--gan-weight", "0")
FAST = (*NO_GAN, "--lr", "0.001", "--warm-up", "100")
NEAR = (*FAST, "--importance", "reads", "--refit", "96")
SEEING = (*NEAR, "--loss", "lite0=1")
VARIANTS = {
    "published": (),
    "published, started near": ("--importance", "reads", "--refit", "96"),
    "no GAN": NO_GAN,
    "no GAN, lr 0.001": FAST,
    "… started near": NEAR,
    "… and lite0=1": SEEING,
    "… lite0=1 and no feature loss": (*SEEING, "--feature-weight", "0"),
    "… lite0=1 and --ema 0.999": (*SEEING, "--ema", "0.999"),
    "imitate without a GAN": ("--recipe", "imitate", *NO_GAN),
    "imitate, the default": ("--recipe", "imitate", "--gan-weight", "1", "--gan-from", LAST_THIRD),
    "… lite0=5": (*NEAR, "--loss", "lite0=5"),
    "… and ssim=1": (*NEAR, "--loss", "ssim=1"),
    "… and wavelet=10": (*NEAR, "--loss", "wavelet=10"),
    "… and crd=1": (*NEAR, "--loss", "crd=1"),
    "… lite0=1, GAN in the second half": (*SEEING[2:], "--gan-weight", "1", "--gan-from", HALF),
    "… lite0=1, whole images": (*SEEING, "--crop-size", "256", "--batch-size", "1"),
}


def main() -> None:
    arguments = parsed(__doc__.splitlines()[0], VARIANTS, ("--widths", WIDTHS), Path("out/ablation"))
    exam = Exam(arguments.teacher, arguments.data, arguments.size)
    ablation = ablation_of("ganc-distill", arguments, "--widths", arguments.widths)
    rows = [{"variant": "(the teacher)"} | exam(arguments.teacher)]
    for name in arguments.variants or VARIANTS:
        print(f"{name} …", file=sys.stderr)
        made, found = ablation.trained(name, VARIANTS[name])
        rows.append({"variant": name} | found | exam(made))
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1))
    lines = [{"variant": "(untouched images)"} | untouched(rows[0]), *map(_line, rows)]
    print(tabulate(lines, headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


def _line(row: dict) -> dict[str, str]:
    return {"variant": row["variant"], **quality(row), **training_columns(row)}


if __name__ == "__main__":
    main()
