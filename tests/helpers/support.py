"""What tests of several parts share: tiny networks and checkpoints, and running a command in process or in another one.

The session's fixtures (a tiny data set, a teacher, a student, a supernet) are in conftest.py.
"""

import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner, Result

from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import Checkpoint
from ganc.models.convolutions import NetworkState, tensor_shapes
from ganc.models.resnet import RESNET
from ganc.models.spec import AdaptorsSpec, DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN

# Seconds until a test gives a process or a condition up as stuck. It measures no speed: a busy machine may be slow.
PATIENCE = 900.0

SIZE = 32  # of the tiny set's images; the smallest multiple of 8 in which a discriminator finds patches
TINY_SPACE = "/".join(["8,4"] * RESNET.segments)

# The fastest feature set, which says nothing about quality: what most tests measure on. The default one is tested too.
UNTRAINED = "untrained-conv3-v1"
UNTRAINED_SET = ("--feature-set", UNTRAINED)

# A training command with these options takes about a second: 6 images a domain, 3 steps an epoch.
TINY_TRAINING = (
    *UNTRAINED_SET,
    *("--load-size", "36", "--crop-size", str(SIZE), "--batch-size", "2", "--workers", "0"),
    *("--device", "cpu", "--epochs", "1", "--decay-epochs", "1", "--lr", "1e-3", "--recipe", "published"),
)

# Runs a command in a fresh interpreter in which some top-level modules and distributions do not exist.
_LAUNCHER = """
import importlib, importlib.machinery, importlib.metadata, json, sys

program, module, absent = json.loads(sys.argv[1])


class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in absent else self.finder.find_spec(name, path, target)

    def find_distributions(self, context):
        found = getattr(self.finder, "find_distributions", lambda context: ())(context)
        return [one for one in found if one.metadata["Name"].lower().replace("-", "_") not in absent]


if absent:
    sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
sys.argv = [program, *sys.argv[2:]]
importlib.import_module(module).main()
"""


def module_of(program: str) -> str:
    """Return the module whose `main` is the command: ganc_replace.cli for ganc-replace, ganc.toolbox.main for ganc."""
    return "ganc.toolbox.main" if program == "ganc" else f"{program.replace('-', '_')}.cli"


PROGRAMS = ("ganc", *(f"ganc-{stage}" for stage in ("replace", "distill", "supernet", "search", "finetune", "export")))


def walk_commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield the names and the command of every console script and of all commands below it."""
    for program in PROGRAMS:
        yield from _walk(importlib.import_module(module_of(program)).main, program)


def _walk(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield names, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from _walk(below, *names, name)


def command_line(program: str, *arguments: object, absent: Sequence[str] = ()) -> list[str]:
    """Return what starts a command in another process, where the modules and distributions `absent` cannot be found."""
    description = json.dumps([program, module_of(program), list(absent)])
    return [sys.executable, "-c", _LAUNCHER, description, *map(str, arguments)]


def run_command(
    program: str,
    *arguments: object,
    absent: Sequence[str] = (),
    cwd: Path | None = None,
    stdin: bytes | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess:
    """Run a command in another process and wait for it; standard output and error are bytes.

    After PATIENCE seconds it is killed and the test fails. `absent` names import packages and distributions (with `_`)
    that it must not find: ("ganc_search",) or ("paddle", "paddlepaddle").
    """
    return subprocess.run(
        command_line(program, *arguments, absent=absent),
        cwd=cwd,
        input=b"" if stdin is None else stdin,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )


def invoke(program: str, *arguments: object, stdin: bytes | None = None) -> Result:
    """Run a command in this process; the result has `exit_code`, `stdout` and `stderr`."""
    command: click.Command = importlib.import_module(module_of(program)).main
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin, prog_name=program)


def succeed(program: str, *arguments: object, stdin: bytes | None = None) -> Result:
    """Run a command in this process and fail the test with what it said unless it exits with 0."""
    result = invoke(program, *arguments, stdin=stdin)
    assert result.exit_code == 0, f"{program} exited with {result.exit_code}: {result.output}"
    return result


def fail(program: str, *arguments: object, status: int = 1, stdin: bytes | None = None) -> str:
    """Run a command in this process that must exit with `status`; return its last line of standard error."""
    result = invoke(program, *arguments, stdin=stdin)
    assert result.exit_code == status, f"{program} exited with {result.exit_code}: {result.output}"
    assert "Traceback" not in result.stderr
    return result.stderr.strip().splitlines()[-1]


def random_state(spec, seed: int = 0, *, bias: float = 0.3) -> NetworkState:
    """Return a network with weights and biases that matter: responses keep their size from layer to layer."""
    tensors = {}
    for name, shape in tensor_shapes(spec).items():
        draws = keyed_generator(seed, f"test/{name}")
        scale = bias if name.endswith(".bias") else float(np.sqrt(2 / np.prod(shape[1:])))
        tensors[name] = draws.normal(0.0, scale, shape).astype(np.float32)
    return NetworkState(spec, tensors)


def generator_spec(width: int = 8, **values) -> GeneratorSpec:
    """Return the spec of a small generator: 3 mobile blocks, all base widths alike, unless `values` say otherwise."""
    return GeneratorSpec(**({"widths": (width,) * RESNET.segments, "n_blocks": 3} | values))


def make_checkpoint(
    stage: str = "replace",
    width: int = 8,
    *,
    seed: int = 0,
    direction: str = "AtoB",
    training: dict | None = None,
    **spec,
) -> Checkpoint:
    """Return an untrained checkpoint of a stage, with the networks that the stage would put into it.

    `spec` changes the generator's spec (`block`, `n_blocks`, `widths`); `training` adds to the training facts.
    """
    generator, discriminator = generator_spec(width, **spec), DiscriminatorSpec(width=4)
    specs = {"generator": generator, "discriminator": discriminator}
    if stage == "replace":
        specs |= {"generator_b": generator, "discriminator_b": discriminator}
    else:
        wide = generator_spec(8, n_blocks=generator.n_blocks).tap_channels
        specs["adaptors"] = AdaptorsSpec(in_channels=generator.tap_channels, out_channels=wide)
    facts = {"image_size": [SIZE, SIZE], "steps": 0, "seed": seed, "data": "0" * 64}
    if stage == "supernet":
        facts["space"] = TINY_SPACE
    return Checkpoint(
        stage=stage,
        task=CYCLEGAN,
        direction=direction,
        networks={name: random_state(one, seed + index) for index, (name, one) in enumerate(specs.items())},
        training=facts | (training or {}),
    )


def without_option(arguments: Sequence[object], name: str) -> tuple[object, ...]:
    """Return a command's arguments without an option and its value."""
    place = arguments.index(name)
    return (*arguments[:place], *arguments[place + 2 :])


def files_under(folder: Path) -> dict[str, str]:
    """Return the digest of every file under a folder by its relative path, to see what a command left or changed."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def assert_equal_states(one: NetworkState, other: NetworkState) -> None:
    """Assert that two networks have equal specs and bit-equal tensors."""
    assert one.spec == other.spec
    assert sorted(one.tensors) == sorted(other.tensors)
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, other.tensors[name], err_msg=name)
