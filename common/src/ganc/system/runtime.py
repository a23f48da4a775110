"""The machine that a run uses: threads, Paddle's CPU paths, device. Set up before Paddle is imported.

Modules that need Paddle write `from ganc.system.runtime import paddle`, so that it is always set up first. Importing
this module itself is cheap.
"""

import contextlib
import importlib.metadata
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ganc.base.errors import MissingDependencyError, RunError, SpecError
from ganc.base.extras import PADDLE, install_command, require
from ganc.base.text import parse_whole
from ganc.system.signals import held_back, reinstall_handlers
from ganc.system.versions import paddle_versions

# Both builds install the same folder, so that one has to go before the other comes.
GPU_BUILD = f"pip uninstall paddlepaddle && {install_command('gpu')}"

_set_up = False  # whether Paddle was imported here, or the warning about an earlier import was given


# Builds of Paddle differ in what they say of their types.
Tensor = Any

if TYPE_CHECKING:
    paddle: Any


def __getattr__(name: str) -> ModuleType:
    if name == "paddle":
        return load_paddle()
    raise AttributeError(f"module {__name__} has no attribute {name}")


def load_paddle() -> ModuleType:
    """Set the environment up, import Paddle and return it.

    Raises:
        MissingDependencyError: Paddle is not installed, or with a NumPy that it cannot run with.
    """
    global _set_up
    if "paddle" not in sys.modules:
        _check_installed()
        configure_environment()
        # Paddle answers SIGTERM with a traceback of C++ until it is told not to, and Ctrl-C with an ImportError.
        with held_back():
            # It greets with advice about ccache and OMP_NUM_THREADS that does not hold here; a failure still shows.
            with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), _own_logging():
                warnings.simplefilter("ignore")
                import paddle
            paddle.disable_signal_handler()
            reinstall_handlers()
    elif not _set_up:
        warnings.warn(
            "Paddle was imported before ganc.system.runtime: its threads and CPU paths are not set", stacklevel=3
        )
    _set_up = True
    return sys.modules["paddle"]


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Leave the root logger as it is: Paddle gives it a handler for what is standard error within the block."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _check_installed() -> None:
    versions = paddle_versions()
    if not versions:
        require(PADDLE)
    numpy_version = importlib.metadata.version("numpy")
    for package, version in versions.items():
        if version.startswith("2.") and int(numpy_version.split(".")[0]) >= 2:
            raise MissingDependencyError(
                f"{package} {version} crashes with numpy {numpy_version}: install 'numpy<2' beside it"
            )


def configure_environment() -> None:
    """Set threads and the matrix library's code path; what the user set in the environment wins.

    Paddle's CPU build brings an MKL that takes its slowest path on processors it does not know, which are AMD's, and
    runs on one thread unless told otherwise (benchmarks/generator.py measures both).
    """
    processes = _number(os.environ.get("PADDLE_LOCAL_SIZE", os.environ.get("PADDLE_TRAINERS_NUM", "1"))) or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // processes)))
    if cpu_path := mkl_cpu_type():
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", cpu_path)
    os.environ.setdefault("GLOG_minloglevel", "2")


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine_threads() -> int:
    """Return the threads an inference engine of this process uses: OMP_NUM_THREADS, else its share of the cores."""
    configure_environment()
    return _number(os.environ["OMP_NUM_THREADS"].partition(",")[0]) or available_cores()


def set_threads(threads: int) -> None:
    """Let Paddle compute in so many threads from now on, in the whole process."""
    load_paddle().base.core.set_num_threads(threads)


def _number(text: str) -> int:
    """Return the number that a variable of the environment says, 0 where it says none."""
    with contextlib.suppress(SpecError):
        return parse_whole(text, 0)
    return 0


def mkl_cpu_type(cpu_info: Path = Path("/proc/cpuinfo")) -> str | None:
    """Return the value of MKL_DEBUG_CPU_TYPE that suits the processor: 7 for AVX-512, 5 for AVX2, None to leave it."""
    try:
        text = cpu_info.read_text()
    except OSError:
        return None
    if "AuthenticAMD" not in text:
        return None
    flags = next((line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith("flags")), [])
    return "7" if "avx512f" in flags else "5" if "avx2" in flags else None


def select_device(device: str) -> str:
    """Make Paddle use a device: "auto" (a GPU where there is one), "cpu", "gpu" or "gpu:1"; return its name.

    Raises:
        RunError: there is no such device.
    """
    paddle = load_paddle()
    gpus = paddle.device.cuda.device_count() if paddle.device.is_compiled_with_cuda() else 0
    if device == "auto":
        device = "gpu" if gpus else "cpu"
    name, colon, number = device.partition(":")
    if device != "cpu" and (name != "gpu" or (colon and not (number.isascii() and number.isdigit()))):
        raise RunError(f"device '{device[:60]}': expected auto, cpu, gpu or gpu:N")
    if name == "gpu" and not gpus:
        build = "" if paddle.device.is_compiled_with_cuda() else f", or Paddle's build for GPUs: {GPU_BUILD}"
        raise RunError(f"device 'gpu': Paddle finds no GPU here; use --device cpu{build}")
    if number and (len(number) > 9 or int(number) >= gpus):
        raise RunError(f"device '{device[:20]}': this machine has {gpus} GPUs, numbered from 0")
    paddle.set_device(device)
    return paddle.get_device()
