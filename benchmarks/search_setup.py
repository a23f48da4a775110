"""What the parts of benchmarks/search.py share: a supernet and Inception weights of random numbers, and images."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from inception_weights import random_weights

from ganc.base.rng import keyed_generator
from ganc.demo.dataset import write_demo_set
from ganc.files.checkpoint import GENERATOR, Checkpoint, read_checkpoint, write_checkpoint
from ganc.metrics.inception.weights import write_weights
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.task import CYCLEGAN

PARTS = Path(__file__).with_name("search_parts.py")
# 27 neighbours, as an exhaustive search of channels-32 meets them.
BRANCH = "24/24/24/24/24/32,24,16/32,24,16/32,24,16"
WHOLE = "channels-32"
LITE0 = "efficientnet-lite0"
TARGETS = 256  # images of the target domain, whose statistics are compared with


class Setup:
    """The files of one benchmark.

    Attributes:
        supernet, weights, data, statistics: a checkpoint, Inception's weights, images, the target's statistics.
        size: width and height of the images.
    """

    def __init__(self, folder: Path, size: int):
        self.folder, self.size = folder, size
        self.supernet, self.weights = folder / "supernet.safetensors", folder / "inception.safetensors"
        self.data, self.statistics = folder / "images", folder / "real_B.npz"

    def make(self, images: int) -> None:
        """Write all files."""
        write_checkpoint(self.supernet, random_supernet(self.size))
        write_weights(self.weights, random_weights())
        write_demo_set(self.data, train=TARGETS, test=images, size=self.size)
        self.part("statistics")

    def part(self, name: str, **settings) -> dict:
        """Run a part of search_parts.py in a process of its own and return what it found."""
        environment = {**os.environ, "GANC_CACHE": str(self.folder / "cache"), "GANC_INCEPTION": str(self.weights)}
        command = [sys.executable, str(PARTS), name, str(self.folder), str(self.size), json.dumps(settings)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"part {name} failed")
        return json.loads(done.stdout.splitlines()[-1])

    def generator(self) -> NetworkState:
        """Return the supernet's generator."""
        return read_checkpoint(self.supernet).generator


def subnets(space: str, every: int = 1, first: int = 0) -> list[tuple[int, ...]]:
    """Return every so many-th sub-network of a space."""
    return [*parse_space(space)][first::every]


def random_supernet(size: int) -> Checkpoint:
    """Return a supernet for channels-32 of random weights, under which activations keep their size."""
    spec = GeneratorSpec(widths=(32,) * 8)
    tensors = {}
    for name, shape in tensor_shapes(spec).items():
        draws = keyed_generator(0, f"benchmark/{name}")
        scale = 0.1 if name.endswith(".bias") else float(np.sqrt(2 / np.prod(shape[1:])))
        tensors[name] = draws.normal(0.0, scale, shape).astype(np.float32)
    facts = {"image_size": [size, size], "space": "channels-32", "steps": 0, "seed": 0, "data": "0" * 64}
    networks = {GENERATOR: NetworkState(spec, tensors)}
    return Checkpoint(stage="supernet", task=CYCLEGAN, direction="AtoB", networks=networks, training=facts)
