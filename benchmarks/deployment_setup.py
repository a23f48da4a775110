"""What the parts of benchmarks/deployment.py share: networks, machine, and running a part in a process of its own."""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tabulate import tabulate

from ganc.base.atomic import replacing
from ganc.base.rng import keyed_generator
from ganc.bench.plan import Job
from ganc.bench.run import run_job
from ganc.data import load_rgb, save_image
from ganc.demo.dataset import write_demo_set
from ganc.engines.networks import read_network, untrained
from ganc.files.checkpoint import GENERATOR, Checkpoint, write_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.family import format_widths
from ganc.models.spec import ORIGINAL, GeneratorSpec, parse_widths
from ganc.models.task import CYCLEGAN
from ganc.system.runtime import available_cores

COMPRESSED = "16_16_32_16_32_32_16_16"
PARTS = Path(__file__).with_name("deployment_parts.py")
# What ganc.system.runtime sets and plain Paddle does not.
SETTINGS_OF_GANC = ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE", "GLOG_minloglevel")


@dataclass(frozen=True)
class Setup:
    """What all parts share.

    Attributes:
        repeats: turns of each network.
        rounds: how often processes take turns.
        folder: for files that are made on the way.
        trained: whether the compressed generator was given, and not drawn.
    """

    compressed: Path
    folder: Path
    data: Path | None
    size: tuple[int, int]
    threads: int
    repeats: int
    rounds: int
    batches: tuple[int, ...]
    trained: bool
    figures: dict = field(default_factory=dict)

    def part(self, name: str, plain: bool = False, **settings) -> dict:
        """Run a part in a process of its own; `plain` without what ganc sets in the environment."""
        environment = {key: value for key, value in os.environ.items() if not plain or key not in SETTINGS_OF_GANC}
        if not plain:
            environment["OMP_NUM_THREADS"] = str(self.threads)
        command = [sys.executable, str(PARTS), name, json.dumps(settings)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
        return json.loads(done.stdout.splitlines()[-1])


def make_setup(arguments: argparse.Namespace, folder: Path) -> Setup:
    """Write the compressed generator into `folder` and return what the arguments say."""
    compressed = folder / "compressed.safetensors"
    if arguments.checkpoint:
        state = read_network(arguments.checkpoint)
    else:
        state = _with_biases(untrained(GeneratorSpec(widths=parse_widths(COMPRESSED))))
    size = (arguments.size, arguments.size)
    write_checkpoint(
        compressed,
        Checkpoint(
            stage="export",
            task=CYCLEGAN,
            direction="AtoB",
            networks={GENERATOR: state},
            training={"image_size": size},
        ),
    )
    return Setup(
        compressed=compressed,
        folder=folder,
        data=arguments.data,
        size=size,
        threads=arguments.threads,
        repeats=2 if arguments.quick else 15,
        rounds=1 if arguments.quick else 3,
        batches=(1, 2) if arguments.quick else (1, 16),
        trained=arguments.checkpoint is not None,
    )


def _with_biases(state: NetworkState) -> NetworkState:
    """Return a network whose biases are not 0, so that a comparison of outputs would notice a lost one."""
    biases = {
        name: keyed_generator(0, f"bias/{name}").normal(0, 0.1, tensor.shape).astype(np.float32)
        for name, tensor in state.tensors.items()
        if name.endswith(".bias")
    }
    return replace(state, tensors={**state.tensors, **biases})


def draw_images(folder: Path, size: int) -> None:
    """Write ganc's synthetic set with the grain of a photograph.

    On flat colours a norm divides by next to nothing, and an untrained generator shows that as noise of its own.
    """
    write_demo_set(folder, train=16, test=16, size=size, seed=0)
    for path in sorted(folder.rglob("*.png")):
        image = load_rgb(path)
        grain = keyed_generator(0, f"grain/{path.parent.name}/{path.name}").normal(0, 8, image.shape)
        save_image(path, np.clip(np.round(image + grain), 0, 255).astype(np.uint8))


def environment(setup: Setup) -> str:
    """Return the processor, the versions and what is compared, as a list in Markdown."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags]
    packages = ("paddlepaddle", "openvino", "onnxruntime", "onnx", "torch", "numpy")
    costs = [spec.costs(setup.size) for spec in (ORIGINAL, read_network(setup.compressed).spec)]
    widths = format_widths(read_network(setup.compressed).spec.widths)
    return "\n".join(
        [
            f"- processor: {processor}, {available_cores()} cores, {', '.join(known)}; {setup.threads} threads used",
            f"- versions: {', '.join(f'{name} {version(name)}' for name in packages)}",
            f"- images of {setup.size[0]}x{setup.size[1]}; the compressed generator is {widths}, "
            f"{'trained' if setup.trained else 'untrained'}, the original untrained",
            f"- MACs {costs[0].macs / 1e9:.2f} G against {costs[1].macs / 1e9:.2f} G; that a device computes "
            f"{costs[0].device_macs / 1e9:.2f} G against {costs[1].device_macs / 1e9:.2f} G "
            f"({costs[0].device_macs / costs[1].device_macs:.1f} times fewer)",
        ]
    )


def timings_of(setup: Setup, engine: str, precisions: tuple[str, ...], network: Path | None = None) -> list[dict]:
    """Return the timings of the compressed generator, or of another network, in an engine's precisions by turns."""
    job = Job(
        engine=engine,
        threads=setup.threads,
        networks=(str(network or setup.compressed),),
        precisions=precisions,
        batches=setup.batches,
        size=setup.size,
        repeats=setup.repeats,
        min_seconds=0,
        device="cpu",
        direction=None,
    )
    return run_job(job)["timings"]


def fill_page(page: Path, texts: Mapping[str, str]) -> None:
    """Replace the text between `<!-- name -->` and `<!-- end of name -->` in a page by the one of that name."""
    content = page.read_text(encoding="utf-8")
    for name, text in texts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = content.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            sys.exit(f"{page}: no place between {start.strip()} and {end} for the figures")
        content = f"{before}{start}\n{text}\n\n{end}{after}"
    with replacing(page) as temporary:
        temporary.write_text(content, encoding="utf-8")


def timed_rows(page: Path) -> list[dict]:
    """Return the rows of a page's table against the original, as far as a chart draws them, as precise as it is."""
    content = page.read_text(encoding="utf-8")
    used = re.search(r"; (\d+) threads used", content)
    listed = content.partition("<!-- against_the_original -->")[2].partition("<!-- end of")[0]
    lines = [line.strip("| ").split("|") for line in listed.splitlines() if line.startswith("|")][2:]
    if not (used and lines):
        sys.exit(f"{page}: has no table of times against the original")
    rows = []
    for engine, batch, original, compressed, _, speedup in lines:
        row = {"engine": engine.strip(), "precision": "f32", "batch": int(batch), "threads": int(used[1])}
        times = {"original_ms": original, "compressed_ms": compressed, "speedup": speedup}
        rows.append({**row, "device": "cpu", **{name: float(text.split()[0]) for name, text in times.items()}})
    return rows


def table(rows: Iterable[Mapping]) -> str:
    return tabulate(list(rows), headers="keys", tablefmt="github", disable_numparse=True)


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
