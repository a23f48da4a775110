"""Fixtures that every test may use. Everything they make lies in the session's temporary folder."""

import os
import signal
from pathlib import Path

import pytest
from helpers.support import SIZE, make_checkpoint, walk_commands

from ganc.cli.environment import variable_prefix
from ganc.demo.dataset import write_demo_set
from ganc.files.checkpoint import write_checkpoint
from ganc.system.runtime import available_cores, configure_environment

pytest_plugins = ["helpers.stages"]


def pytest_configure(config: pytest.Config) -> None:
    """Set Paddle up before any test imports it, with the cores shared among pytest-xdist's workers."""
    processes = os.environ.get("PYTEST_XDIST_WORKER_COUNT") or getattr(config.option, "numprocesses", None) or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // int(processes))))
    configure_environment()
    # Whoever runs the tests may have set variables that stand for options.
    for names, _ in walk_commands():
        prefix = variable_prefix(*names) + "_"
        for name in [name for name in os.environ if len(names) > 1 or names[0] != "ganc" if name.startswith(prefix)]:
            del os.environ[name]
    # Whoever started the tests in the background may have switched Ctrl-C off; the programs would leave it so.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that GANC_CACHE names for this session: nothing touches the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANC_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo set of 32x32: 6 training and 4 test images a domain, with lists. Read it only."""
    folder = tmp_path_factory.mktemp("data") / "tiny"
    write_demo_set(folder, train=6, test=4, size=SIZE, seed=7)
    return folder


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint as ganc-replace makes it: width 8, 3 mobile blocks, both directions. Read it only."""
    return _written(tmp_path_factory, "replace", 1)


@pytest.fixture(scope="session")
def student_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint as ganc-distill makes it, of width 8. Read it only."""
    return _written(tmp_path_factory, "distill", 2)


@pytest.fixture(scope="session")
def supernet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint as ganc-supernet makes it, for the space 8,4/8,4/…. Read it only."""
    return _written(tmp_path_factory, "supernet", 3)


def _written(factory: pytest.TempPathFactory, stage: str, seed: int) -> Path:
    path = factory.mktemp("checkpoints") / f"{stage}.safetensors"
    write_checkpoint(path, make_checkpoint(stage, seed=seed))
    return path
