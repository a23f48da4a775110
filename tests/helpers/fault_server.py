"""Runs ganc's console scripts in processes that meet faults: `python -m helpers.fault_server`.

Reads a line of JSON for each of several runs at once, a list of them, and answers with their statuses. What takes long
to import is imported once, here; each run is a fork. Nothing is computed here: threads do not survive a fork.
"""

import atexit
import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

from helpers.faulty_files import SIGNALS, Faults, install

MODULES = (
    *("ganc_replace", "ganc_distill", "ganc_supernet", "ganc_search", "ganc_finetune", "ganc_export", "ganc.toolbox"),
    *("ganc_finetune.stage", "ganc_distill.stage", "ganc_search.search", "ganc_export.stage", "ganc.toolbox.main"),
    *("ganc.training.job", "ganc.metrics.evaluation", "ganc.engines.loading", "h5py", "onnx", "onnxruntime"),
    *("openvino", "PIL.Image", "PIL.PngImagePlugin", "PIL.JpegImagePlugin", "PIL.WebPImagePlugin"),
)


def serve() -> None:
    """Answer until the input ends."""
    warnings.simplefilter("ignore")
    for module in MODULES:
        with contextlib.suppress(ImportError):  # an extra that is not installed
            importlib.import_module(module)
    for line in sys.stdin:
        runs = json.loads(line)
        children = [_started(run) for run in runs]
        print(json.dumps([_ended(child, run) for child, run in zip(children, runs, strict=True)]), flush=True)


def _started(run: dict) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _run(run)
    finally:
        os._exit(99)  # the console scripts never come here


def _ended(child: int, run: dict) -> int | str:
    """Return a run's status: negative of the signal that ended it; "stuck" where it did not end."""
    end, sent = time.monotonic() + run["seconds"], run.get("after") is None
    begun = time.monotonic()
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if not sent and time.monotonic() - begun >= run["after"]:
            os.kill(child, SIGNALS[run["what"]])
            sent = True
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "stuck"


def _run(run: dict) -> None:
    folder = Path(run["folder"])
    os.chdir(folder)
    for handle, name in ((0, os.devnull), (1, run["said"] + ".out"), (2, run["said"] + ".err")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC), handle)
    os.environ["GANC_CACHE"] = str(folder / "cache")
    if run.get("largest") is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (run["largest"], run["largest"]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does at its start
    what = run.get("what") if run.get("after") is None else None
    faults = Faults(folder, what, run.get("at", -1), run.get("lasting", False), Path(run["said"] + ".log"))
    install(faults, swaps=run.get("swaps", True))
    program, *arguments = run["command"]
    sys.argv = [program, *arguments]
    try:
        importlib.import_module("ganc.toolbox" if program == "ganc" else program.replace("-", "_")).run()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    atexit._run_exitfuncs()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve()
