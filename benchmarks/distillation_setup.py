"""What the benchmarks of distilled generators share: ganc's commands, and the comparison with the teacher."""

import json
import subprocess
import sys
from pathlib import Path

from ganc.data import read_images, to_float
from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator
from ganc.training.refit import l1_distance


def ran(command: str, *options: object) -> str:
    """Run a command of this environment and return what it prints; its errors end the benchmark."""
    words = [str(Path(sys.executable).with_name(command)), *map(str, options)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr[-2000:]}")
    return done.stdout


def evaluated(checkpoint: Path, data: Path, size: int, *options: object) -> dict:
    """Return what `ganc evaluate` says of a checkpoint; `options` are further ones of it."""
    (row,) = json.loads(ran("ganc", "evaluate", checkpoint, "--data", data, "--size", size, "--json", *options))
    return row


class Exam:
    """Compares generators with their teacher on the test images of a folder."""

    def __init__(self, teacher: Path, data: Path, size: int):
        self._data, self._size = data, size
        self._teacher = Generator.from_state(read_checkpoint(teacher).generator)
        images = read_images(data, "testA")
        loaded = (to_float(images.reading.load_fitted(path, (size, size))) for path in images.paths)
        self._batches = [one[None] for one in loaded]  # (1, 3, h, w) in [-1, 1]

    def __call__(self, checkpoint: Path, *options: object) -> dict:
        """Return what `ganc evaluate` says of a checkpoint, and `l1`, the distance of its images to the teacher's.

        Args:
            options: further ones of `ganc evaluate`.
        """
        row = evaluated(checkpoint, self._data, self._size, *options)
        student = Generator.from_state(read_checkpoint(checkpoint).generator)
        return row | {"l1": l1_distance(self._teacher, student, self._batches)}


def quality(row: dict) -> dict[str, str]:
    """Return the columns of a table that say how good a row's images are."""
    return {
        "L1": f"{row['l1']:.4f}",
        "Fréchet": f"{row['value']:.1f}",
        "kernel x 1000": f"{1000 * row['kernel']:.1f} ± {1000 * row['kernel_error']:.1f}",
    }


def untouched(row: dict) -> dict[str, str]:
    """Return the same columns of the images that no model touched."""
    return {
        "L1": "-",
        "Fréchet": f"{row['untouched_value']:.1f}",
        "kernel x 1000": f"{1000 * row['untouched_kernel']:.1f} ± {1000 * row['untouched_kernel_error']:.1f}",
    }
