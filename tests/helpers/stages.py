"""The stages one after another on the tiny set, made once a session by the commands themselves; a pytest plugin."""

import contextlib
import hashlib
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganc.models.spec import parse_widths
from helpers.support import PATIENCE, TINY_TRAINING, UNTRAINED_SET, fail, succeed

SPACE = "8,4/8,4/8/8,4/8/8,4/8/8,4"  # 32 sub-networks
NETWORKS = ("--width", "8", "--n-blocks", "3", "--discriminator-width", "8")
TRAINING = (*TINY_TRAINING, "--max-steps", "3")

TRAINING_TOOLS = ("ganc-replace", "ganc-distill", "ganc-supernet", "ganc-finetune")
STAGE_TOOLS = (*TRAINING_TOOLS, "ganc-search")

# Too small to move a float32 weight: what comes out is what the stage started from.
STANDING_STILL = (*TINY_TRAINING, "--max-steps", "1", "--lr", "1e-30")

# Put before a program that searches: it takes so long that it cannot end between two looks at its journal.
SLOW_ROWS = """
import time
from ganc.results.journal import ResultsWriter

append_at_once = ResultsWriter.append
def append_slowly(self, row):
    time.sleep(0.05)
    append_at_once(self, row)
ResultsWriter.append = append_slowly
"""


@dataclass(frozen=True)
class Chain:
    """Files that the stages made of each other. Read them only.

    `arguments` has what each command was called with, without its output; the paths are relative to `folder`.
    """

    folder: Path
    data: Path
    replace: Path
    distill: Path
    supernet: Path
    search: Path
    finetune: Path
    export: Path
    arguments: dict[str, tuple[str, ...]]


ARGUMENTS = {
    "replace": ("--data", "data", *NETWORKS, *TRAINING),
    "distill": ("--teacher", "replace.safetensors", "--data", "data", "--width", "8", *TRAINING),
    "supernet": (
        *("--teacher", "replace.safetensors", "--student", "distill.safetensors"),
        *("--data", "data", "--space", SPACE, *TRAINING),
    ),
    "search": ("--supernet", "supernet.safetensors", "--data", "data", *UNTRAINED_SET, "--device", "cpu"),
    "finetune": (
        *("--teacher", "replace.safetensors", "--supernet", "supernet.safetensors"),
        *("--results", "search.h5", "--max-macs", "4.5M", "--data", "data", *TRAINING),
    ),
    "export": ("--checkpoint", "finetune.safetensors", "--device", "cpu"),
}
OUTPUTS = {
    **{stage: f"{stage}.safetensors" for stage in ("replace", "distill", "supernet", "finetune")},
    "search": "search.h5",
    "export": "export",
}


@pytest.fixture(scope="session")
def split_data(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny set with 2 of its 6 training images set aside for the search. Read it only."""
    folder = tmp_path_factory.mktemp("split") / "data"
    shutil.copytree(tiny_data, folder)
    succeed("ganc", "data", "split", folder, "--search", 2)
    return folder


@pytest.fixture(scope="session")
def chain(split_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """All six stages, 3 steps each."""
    folder = tmp_path_factory.mktemp("chain")
    (folder / "data").symlink_to(split_data)
    with contextlib.chdir(folder):
        for stage, arguments in ARGUMENTS.items():
            succeed(f"ganc-{stage}", *arguments, "-o", OUTPUTS[stage])
    outputs = {stage: folder / output for stage, output in OUTPUTS.items()}
    return Chain(folder=folder, data=folder / "data", arguments=ARGUMENTS, **outputs)


def refusal(program: str, *arguments: object, status: int = 1, stdin: bytes | None = None) -> str:
    """Run a command in this process that must fail; return what its last line says after "Error: "."""
    message = fail(program, *arguments, status=status, stdin=stdin)
    assert message.startswith("Error: "), message
    return message.removeprefix("Error: ")


def listing(folder: Path) -> dict[str, str]:
    """Return everything under a folder, hidden files and folders too, with the digests of the files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


@contextlib.contextmanager
def nothing_changes(*folders: Path) -> Iterator[None]:
    """Assert that what stands under the folders is the same before and after the block."""
    before = [listing(folder) for folder in folders]
    yield
    assert [listing(folder) for folder in folders] == before


def widths_of_space(space: str) -> list[tuple[int, ...]]:
    """Return all sub-networks of a space given as lists, in no order that matters."""
    return list(itertools.product(*(map(int, segment.split(",")) for segment in space.split("/"))))


def macs_by_hand(widths: tuple[int, ...] | str, size: int, n_blocks: int = 3, block: str = "mobile") -> int:
    """Count a generator's MACs segment by segment, as method.md says: convolutions only, each on its output size."""
    w = parse_widths(widths) if isinstance(widths, str) else widths
    full, half, quarter = size * size, (size // 2) ** 2, (size // 4) ** 2
    macs = full * 49 * 3 * w[0] + half * 9 * w[0] * 2 * w[1] + quarter * 9 * 2 * w[1] * 4 * w[2]
    for inner in w[3:6]:
        outer, inner = 4 * w[2], 4 * inner
        if block == "mobile":
            macs += n_blocks // 3 * quarter * (9 * outer + outer * inner + 9 * inner + inner * outer)
        else:
            macs += n_blocks // 3 * quarter * 2 * 9 * outer * inner
    return macs + half * 9 * 4 * w[2] * 2 * w[6] + full * 9 * 2 * w[6] * w[7] + full * 49 * w[7] * 3


def json_of(program: str, *arguments: object):
    """Run a command with --json and return what it printed."""
    return json.loads(succeed(program, *arguments, "--json").stdout)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen | None = None) -> None:
    """Wait for a condition, and fail where `process` ends before it is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.005)
