"""What each part of a recipe brings in the same time: an ablation of ganc-distill; docs/distillation.md has its table.

    python benchmarks/distillation.py teacher.safetensors horse2zebra --minutes 4 [--variants …] [--json rows.json]

Each variant distills the same student from the same images, for as many steps as fit into the time, and is compared on
the test images with the teacher: L1 distance to its images, and the metric. The speed is taken first, from runs of a
few steps; what a run needs beside its steps is not counted. A variant whose checkpoint is there is only compared.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ganc.data import read_images, to_float
from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator
from ganc.training.refit import l1_distance

WIDTHS = "16_16_24_12_20_24_8_12"  # 1.38 GMACs at 256x256
HALF = "half"  # of the epochs
FEW, MORE = 10, 50  # steps of the two runs that the speed is taken from

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
    "… lite0=5": (*NEAR, "--loss", "lite0=5"),
    "… and ssim=1": (*NEAR, "--loss", "ssim=1"),
    "… and wavelet=10": (*NEAR, "--loss", "wavelet=10"),
    "… and crd=1": (*NEAR, "--loss", "crd=1"),
    "… lite0=1, GAN in the second half": (*SEEING[2:], "--gan-from", HALF),
    "… lite0=1, whole images": (*SEEING, "--crop-size", "256", "--batch-size", "1"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="of " + "; ".join(VARIANTS))
    parser.add_argument("--minutes", type=float, default=4.0, help="of training, each variant")
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
    teacher = Generator.from_state(read_checkpoint(arguments.teacher).generator)
    tests = _tests(arguments.data, arguments.size)
    rows = [{"variant": "(the teacher)"} | _compared(arguments.teacher, teacher, tests, arguments)]
    for name in arguments.variants or VARIANTS:
        print(f"{name} …", file=sys.stderr)
        made = arguments.out / f"{_file_name(name)}.safetensors"
        rows.append({"variant": name} | _trained(name, arguments, made) | _compared(made, teacher, tests, arguments))
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1))
    print(tabulate([_line(row) for row in rows], headers="keys", tablefmt="github"))


def _line(row: dict) -> dict:
    return {
        "variant": row["variant"],
        "steps": row.get("steps", "-"),
        "ms a step": f"{row['step_ms']:.0f}" if row.get("step_ms") else "-",
        "L1": f"{row['l1']:.4f}",
        "Fréchet": f"{row['frechet']:.1f}",
        "kernel x 1000": f"{1000 * row['kernel']:.1f} ± {1000 * row['kernel_error']:.1f}",
    }


def _file_name(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name).strip("-")


def _trained(name: str, arguments: argparse.Namespace, made: Path) -> dict:
    """Distill a variant, unless that is done; return its number of steps and how long one took."""
    notes = made.with_suffix(".json")
    if made.exists() and notes.exists():
        return json.loads(notes.read_text())
    batch = 1 if "--batch-size" in VARIANTS[name] else 2
    options = [
        *("--teacher", arguments.teacher, "--data", arguments.data, "--widths", arguments.widths),
        *("--load-size", arguments.size, "--crop-size", arguments.crop, "--batch-size", batch, "--eval-every", 0),
        *("--engine", arguments.engine, "--device", "cpu", "--seed", 1, *VARIANTS[name]),
    ]
    step = _step_seconds(options, made)
    epoch = len(read_images(arguments.data, "trainA").paths) // batch
    epochs = max(2, round(60 * arguments.minutes / step / epoch))
    half = epochs // 2
    options = [half if one == HALF else one for one in options]
    _distill([*options, "--epochs", half, "--decay-epochs", epochs - half], made)
    found = {"steps": epochs * epoch, "step_ms": 1000 * step}
    notes.write_text(json.dumps(found))
    return found


def _step_seconds(options: list, made: Path) -> float:
    """Return how long a step takes; where the GAN loss comes in the second half, the mean of both halves."""
    if HALF in options:
        place = options.index(HALF) - 1
        rest = options[:place] + options[place + 2 :]
        return (_step_seconds(rest, made) + _step_seconds([*rest, "--gan-weight", 0], made)) / 2
    seconds = []
    for steps in (FEW, MORE):
        started = time.perf_counter()
        _distill([*options, "--epochs", 1, "--decay-epochs", 0, "--max-steps", steps], made)
        seconds.append(time.perf_counter() - started)
        made.unlink()
    return (seconds[1] - seconds[0]) / (MORE - FEW)


def _distill(options: list, made: Path) -> None:
    """Run ganc-distill; it must not continue what a run of other settings left."""
    command = [Path(sys.executable).with_name("ganc-distill"), *map(str, options), "-o", made, "--restart"]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


def _compared(checkpoint: Path, teacher: Generator, tests: list, arguments: argparse.Namespace) -> dict:
    """Return a checkpoint's distance to the teacher's images, and its metric."""
    command = [Path(sys.executable).with_name("ganc"), "evaluate", checkpoint, "--data", arguments.data, "--json"]
    found = subprocess.run([*command, "--size", str(arguments.size)], check=True, stdout=subprocess.PIPE, text=True)
    (row,) = json.loads(found.stdout)
    student = Generator.from_state(read_checkpoint(checkpoint).generator)
    distance = {"l1": l1_distance(teacher, student, tests)}
    return distance | {"frechet": row["value"], "kernel": row["kernel"], "kernel_error": row["kernel_error"]}


def _tests(folder: Path, size: int) -> list[np.ndarray]:
    """Return the test images, one a batch, (1, 3, h, w) in [-1, 1]."""
    images = read_images(folder, "testA")
    return [to_float(images.reading.load_fitted(path, (size, size)))[None] for path in images.paths]


if __name__ == "__main__":
    main()
