"""What translating in tiles changes, and what it takes; docs/translate.md shows the output.

    python benchmarks/tiles.py seams MODEL IMAGE [IMAGE ...] [--tile 128 --tile 256] [--overlap 0 --overlap 32]
    python benchmarks/tiles.py memory MODEL [--megapixels 90] [--tile 512] [--overlap 32]

`seams` compares images translated whole and in tiles, in levels of 255. `memory` translates a drawn image with the
command in a process of its own and prints the most memory that it had.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from tabulate import tabulate

from ganc.data.images import load_image, resize
from ganc.engines.loading import open_model
from ganc.engines.tiles import Tiling, spans
from ganc.engines.translation import translate_image

# The resource module would count what this process had before it started the other one.
COMMAND = """
from pathlib import Path
from ganc.toolbox.main import main
main(standalone_mode=False)
print(Path("/proc/self/status").read_text())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    seams = commands.add_parser("seams", help="differences to the image translated whole")
    seams.add_argument("model", type=Path)
    seams.add_argument("images", type=Path, nargs="+")
    seams.add_argument("--enlarge", type=int, default=1, help="enlarge the images so many times first")
    seams.add_argument("--tile", type=int, action="append")
    seams.add_argument("--overlap", type=int, action="append")
    memory = commands.add_parser("memory", help="the most memory that a large image takes")
    memory.add_argument("model", type=Path)
    memory.add_argument("--megapixels", type=float, default=90)
    memory.add_argument("--tile", type=int, default=512)
    memory.add_argument("--overlap", type=int, default=32)
    arguments = parser.parse_args()
    {"seams": show_seams, "memory": show_memory}[arguments.command](arguments)


def show_seams(arguments: argparse.Namespace) -> None:
    """Print how far tiles are from the whole, on average over the images."""
    model = open_model(arguments.model)
    reading = model.readings.source(model.direction)
    images = [load_image(path, reading.channels, reading.levels) for path in arguments.images]
    images = [resize(one, (one.shape[1] * arguments.enlarge, one.shape[0] * arguments.enlarge)) for one in images]
    wholes = [translate_image(model.engine, image).astype(np.int16) for image in images]
    own = np.mean([np.abs(np.diff(whole, axis=1)).mean() for whole in wholes])
    rows = []
    for tile in arguments.tile or (128, 256, 512):
        for overlap in arguments.overlap or (0, 16, 32, 64):
            tiling = Tiling(tile, overlap)
            errors = [
                translate_image(model.engine, image, tiling) - whole
                for image, whole in zip(images, wholes, strict=True)
            ]
            steps = [step for error in errors for step in seam_steps(error, tiling, model.engine.size_multiple)]
            distances = np.concatenate([np.abs(error).ravel() for error in errors])
            seam = np.mean(steps) if steps else float("nan")
            rows.append((tile, overlap, distances.mean(), np.percentile(distances, 99), seam, own))
    head = ("tile", "overlap", "mean difference", "99 % below", "step at a seam", "step between pixels")
    print(tabulate(rows, head, floatfmt=".2f"))


def seam_steps(error: np.ndarray, tiling: Tiling, multiple: int) -> list[float]:
    """Return, for each upright seam, the largest mean step of the error between columns where two tiles meet."""
    steps = np.abs(np.diff(error, axis=1)).mean(axis=(0, 2))
    found = []
    for one, other in pairwise(spans(error.shape[1], tiling, multiple)):
        found.append(float(steps[max(0, other.start - 1) : one.end].max()))
    return found


def show_memory(arguments: argparse.Namespace) -> None:
    """Print time and memory of one translation in tiles."""
    side = round((arguments.megapixels * 1e6) ** 0.5)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.png", Path(folder) / "out.png"
        ramp = np.arange(side, dtype=np.uint32)
        image = np.stack([(ramp[:, None] * k + ramp[None] // k) % 256 for k in (1, 3, 7)], axis=-1).astype(np.uint8)
        Image.fromarray(image).save(source, compress_level=1)
        del image
        options = ("--tile", str(arguments.tile), "--overlap", str(arguments.overlap))
        command = [sys.executable, "-c", COMMAND, "translate", str(arguments.model), str(source), "-o", str(output)]
        started = time.perf_counter()
        said = subprocess.run([*command, *options], check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - started
        mebibytes = int(re.search(r"VmHWM:\s+(\d+) kB", said)[1]) / 1024
        print(f"{side}x{side} ({side * side / 1e6:.1f} million pixels): {mebibytes:,.0f} MiB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
