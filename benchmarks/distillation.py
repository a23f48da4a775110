"""What each part of a recipe brings in the same time: an ablation of ganc-distill; docs/distillation.md has its table.

    python benchmarks/distillation.py teacher.safetensors horse2zebra --minutes 4 [--variants …] [--json rows.json]

Each variant distills the same student from the same images, for as many steps as fit into the time, and is compared on
the test images with the teacher: L1 distance to its images, and the metric. The time is the processor's, so that other
work on the machine does not count; OMP_NUM_THREADS=1 makes it that of a clock. It is taken first, from runs of a few
steps; what a run needs beside its steps is left out. A variant whose checkpoint is there is only compared.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from distillation_setup import Exam, quality, ran, untouched
from tabulate import tabulate

from ganc.data import read_images

WIDTHS = "16_16_24_12_20_24_8_12"  # 1.38 GMACs at 256x256
HALF, LAST_THIRD = "half", "two thirds"  # of the epochs come before the GAN loss
RESTART = ("--restart", "-o")  # a run must not continue what one of other settings left
FEW, MORE = 10, 70  # steps of the two runs that the speed is taken from

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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="of " + "; ".join(VARIANTS))
    parser.add_argument("--minutes", type=float, default=4.0, help="of the processor's time, each variant")
    parser.add_argument("--widths", default=WIDTHS, help="of the student")
    parser.add_argument("--size", type=int, default=256, help="of the images that are compared")
    parser.add_argument("--crop", type=int, default=128, help="of the images that are trained on, two a step")
    parser.add_argument("--engine", default="openvino", help="of the training's passes")
    parser.add_argument("--out", type=Path, default=Path("out/ablation"), help="folder for the checkpoints")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()
    unknown = set(arguments.variants or ()) - set(VARIANTS)
    if unknown:
        parser.error(f"no variants: {'; '.join(sorted(unknown))}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    exam = Exam(arguments.teacher, arguments.data, arguments.size)
    rows = [{"variant": "(the teacher)"} | exam(arguments.teacher)]
    for name in arguments.variants or VARIANTS:
        print(f"{name} …", file=sys.stderr)
        made = arguments.out / f"{_file_name(name)}.safetensors"
        rows.append({"variant": name} | _trained(name, arguments, made) | exam(made))
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1))
    lines = [{"variant": "(untouched images)"} | untouched(rows[0]), *map(_line, rows)]
    print(tabulate(lines, headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


def _line(row: dict) -> dict[str, str]:
    training = {"steps": str(row["steps"]), "ms a step": f"{row['step_ms']:.0f}"} if "steps" in row else {}
    return {"variant": row["variant"], **quality(row), **training}


def _file_name(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name).strip("-")


def _trained(name: str, arguments: argparse.Namespace, made: Path) -> dict:
    """Distill a variant, unless that is done with the same options; return its steps and how long one took."""
    notes = made.with_suffix(".json")
    batch = 1 if "--batch-size" in VARIANTS[name] else 2
    options = [
        *("--teacher", arguments.teacher, "--data", arguments.data, "--widths", arguments.widths),
        *("--load-size", arguments.size, "--crop-size", arguments.crop, "--batch-size", batch, "--eval-every", 0),
        *("--engine", arguments.engine, "--device", "cpu", "--seed", 1),
        *("--recipe", "published", *VARIANTS[name]),
    ]
    asked = {"minutes": arguments.minutes, "options": [*map(str, options)]}
    if made.exists() and notes.exists() and asked.items() <= (found := json.loads(notes.read_text())).items():
        return found
    step = _step_seconds(options, made)
    epoch = len(read_images(arguments.data, "trainA").paths) // batch
    epochs = max(2, round(60 * arguments.minutes / step / epoch))
    half = epochs // 2
    starts = {HALF: half, LAST_THIRD: 2 * epochs // 3}
    options = [starts.get(one, one) for one in options]
    ran("ganc-distill", *options, *("--epochs", half, "--decay-epochs", epochs - half), *RESTART, made)
    found = asked | {"steps": epochs * epoch, "step_ms": 1000 * step}
    notes.write_text(json.dumps(found))
    return found


def _step_seconds(options: list, made: Path) -> float:
    """Return a step's processor time; where the GAN loss comes later, the mean of the steps without and with it."""
    for start, share in {HALF: 1 / 2, LAST_THIRD: 2 / 3}.items():
        if start in options:
            place = options.index(start) - 1
            rest = options[:place] + options[place + 2 :]
            without = _step_seconds([*rest, "--gan-weight", 0], made)
            return share * without + (1 - share) * _step_seconds(rest, made)
    seconds: dict[int, list[float]] = {FEW: [], MORE: []}
    for steps in (*seconds, *seconds):  # the lower of two times
        started = os.times()
        ran("ganc-distill", *options, *("--epochs", 1, "--decay-epochs", 0, "--max-steps", steps), *RESTART, made)
        ended = os.times()
        used = ended.children_user + ended.children_system - started.children_user - started.children_system
        seconds[steps].append(used)
        made.unlink()
    return (min(seconds[MORE]) - min(seconds[FEW])) / (MORE - FEW)


if __name__ == "__main__":
    main()
