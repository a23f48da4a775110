"""Trying packages out: each is imported in another process, which a package that crashes or hangs takes with it."""

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from ganc.base.errors import GancError
from ganc.base.extras import PADDLE
from ganc.base.reading import one_line
from ganc.system.children import Children

SECONDS = 120  # for one process, also on a busy machine

_STARTED, _FACTS, _FAILED, _DONE = "started", "facts", "failed", "done"


@dataclass(frozen=True)
class Trial:
    """What came of trying a package.

    Attributes:
        error: why it does not work, None where it does.
        advised: whether the error says what to do.
        facts: what it said of itself; of Paddle alone.
    """

    error: str | None = None
    advised: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def try_out(modules: Iterable[str], seconds: float = SECONDS, children: Children | None = None) -> dict[str, Trial]:
    """Import modules, in as few processes as do not fail, and return what came of each.

    Args:
        children: runs the processes, which end with its block; needed in any thread but the main one.

    Raises:
        RunError: that block has ended.
    """
    children = children or Children()
    wanted, found = list(modules), dict[str, Trial]()
    while left := [module for module in wanted if module not in found]:
        found |= _tried(left, seconds, children)
    return found


def _tried(modules: Sequence[str], seconds: float, children: Children) -> dict[str, Trial]:
    """Return what came of the modules that one process reached, one of them at least."""
    # A child finds what its parent finds. -P: not what happens to lie in the folder that it is started in.
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    command = [sys.executable, "-P", "-m", __name__, *modules]
    try:
        done = children.run(command, seconds, env=paths)
    except subprocess.TimeoutExpired as error:
        return _read(modules, error.stdout or b"", f"does not answer within {seconds:g} s")
    return _read(modules, done.stdout, _end(done.returncode, done.stderr))


def _end(status: int, said: bytes) -> str:
    if status < 0:
        return f"ends Python by signal {-status} ({signal.Signals(-status).name})"
    last = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
    return f"ends Python with status {status} ({last[0].strip()[:200]})"


def _read(modules: Sequence[str], output: bytes, end: str) -> dict[str, Trial]:
    """Return what a process said of the modules; what it had started and not ended failed by the process's end."""
    facts: dict[str, Any] = {}
    found: dict[str, Trial] = {}
    unfinished: str | None = modules[0]
    for line in output.decode(errors="replace").splitlines():
        module, kind, value = json.loads(line)
        if kind == _STARTED:
            unfinished, facts = module, {}
        elif kind == _FACTS:
            facts = value
        else:
            error, advised = value if kind == _FAILED else (None, False)
            found[module], unfinished = Trial(error, advised, facts), None
    if unfinished:
        found[unfinished] = Trial(end, facts=facts)
    return found


def main(modules: Sequence[str]) -> None:
    """Import modules one after the other, and say what came of each: a line of JSON, as soon as it is known."""
    report = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what packages print goes elsewhere

    for module in modules:
        _say(report, module, _STARTED)
        try:
            if module == PADDLE.module:
                _try_paddle(lambda facts: _say(report, PADDLE.module, _FACTS, facts))
            else:
                importlib.import_module(module)
        except Exception as error:
            own = isinstance(error, GancError)  # which ends with what to do: it is not cut
            said = one_line(error) if own else f"{type(error).__name__}: {one_line(error)[:300]}"
            _say(report, module, _FAILED, [said, own])
        else:
            _say(report, module, _DONE)


def _say(report: IO[str], module: str, kind: str, value: object = None) -> None:
    report.write(json.dumps([module, kind, value]) + "\n")
    report.flush()


def _try_paddle(say: Callable[[Mapping], None]) -> None:
    """Import Paddle, say what it is and finds, and compute one convolution with it.

    Raises:
        GancError: it is not there or not usable as it is, or computes a wrong result.
        Exception: of its own.
    """
    from ganc.system.runtime import load_paddle, select_device

    paddle = load_paddle()
    cuda = paddle.device.is_compiled_with_cuda()
    count = paddle.device.cuda.device_count() if cuda else 0
    say(
        {
            "version": paddle.version.full_version,
            "cuda": str(paddle.version.cuda()) if cuda else None,
            "device": select_device("auto"),
            "gpus": [_gpu(paddle, number) for number in range(count)],
        }
    )
    image, kernel = paddle.ones([1, 3, 8, 8]), paddle.ones([4, 3, 3, 3])
    result = paddle.nn.functional.conv2d(image, kernel).numpy()
    if not ((result > 26.99) & (result < 27.01)).all():
        raise GancError("it computes a convolution wrongly")


def _gpu(paddle: Any, number: int) -> dict[str, str]:
    capability = paddle.device.cuda.get_device_capability(number)
    return {"name": paddle.device.cuda.get_device_name(number), "capability": ".".join(map(str, capability))}


if __name__ == "__main__":
    main(sys.argv[1:])
