"""How near to its teacher a student is before its first step, with and without a refit; docs/distillation.md has it.

    python benchmarks/refit.py teacher.safetensors horse2zebra [--size 128] [--images 24 96] [--widths …]

Students are pruned from the teacher as `ganc-distill` does it, by either importance, refitted on the first images of
trainA, and compared with it on those of testA.
"""

import argparse
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ganc.data import read_images, to_float
from ganc.files.checkpoint import read_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.generator import Generator
from ganc.models.spec import parse_widths
from ganc.training.importance import prune
from ganc.training.recipes import Ranking
from ganc.training.refit import l1_distance, refit

BATCH = 4
WIDTHS = ("16_16_32_16_32_32_16_16", "16_12_24_12_24_24_12_12", "12_12_20_12_20_20_12_12")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA and testA")
    parser.add_argument("--widths", nargs="+", default=WIDTHS, help="of the students")
    parser.add_argument("--size", type=int, default=128, help="images are resized to")
    parser.add_argument("--images", type=int, nargs="+", default=(24, 96), help="images to refit on")
    parser.add_argument("--tests", type=int, default=60, help="images to compare on")
    arguments = parser.parse_args()

    state = read_checkpoint(arguments.teacher).generator
    train = _batches(arguments.data, "trainA", arguments.size, max(arguments.images))
    test = _batches(arguments.data, "testA", arguments.size, arguments.tests)
    rows = [
        _row(state, widths, ranking, train, test, arguments.images)
        for widths in arguments.widths
        for ranking in Ranking
    ]
    heads = [f"refitted on {count}" for count in arguments.images]
    print(
        tabulate(
            rows, headers=["student", "GMACs at 256", "importance", "pruned", *heads], tablefmt="github", floatfmt=".3f"
        )
    )


def _row(state: NetworkState, text: str, ranking: Ranking, train: list, test: list, counts: list[int]) -> list:
    widths = parse_widths(text, state.spec.shape)
    pruned, teacher = prune(state, widths, ranking), Generator.from_state(state)
    distances = [l1_distance(teacher, Generator.from_state(pruned.state), test)]
    for count in counts:
        student = Generator.from_state(pruned.state)
        for _ in refit(teacher, student, pruned.kept, train[: -(-count // BATCH)]):
            pass
        distances.append(l1_distance(teacher, student, test))
    return [text, pruned.state.spec.costs((256, 256)).macs / 1e9, ranking.value, *distances]


def _batches(folder: Path, subset: str, size: int, count: int) -> list[np.ndarray]:
    images = read_images(folder, subset)
    floats = [to_float(images.reading.load_fitted(path, (size, size))) for path in images.paths[:count]]
    return [np.stack(floats[at : at + BATCH]) for at in range(0, len(floats), BATCH)]


if __name__ == "__main__":
    main()
