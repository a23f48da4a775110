"""Reads damaged files of one kind in a process of its own: `python -m helpers.fuzz_worker KIND COUNT`.

Prints the number of each file before it is read, and behind it what went wrong. A file that keeps it busy for SECONDS
ends it by SIGPROF; memory is bounded by the system.
"""

import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from ganc.base.errors import GancError
from helpers.fuzz_kind import Kind
from helpers.fuzz_kinds import KINDS, NEVER_REFUSED
from helpers.mutations import mutated

SECONDS = 10
MEMORY = 1 << 30  # beyond the file's size


def main(name: str, count: int) -> None:
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as folder:
        original = Path(folder) / "original"
        original.mkdir()
        kind.make(original)
        content = (original / kind.file).read_bytes()
        shutil.copytree(original, Path(folder) / "whole")
        written = kind.read(Path(folder) / "whole")  # all is imported by now
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY + len(content)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
        for number in range(count):
            print(number, end=" ", flush=True)
            damaged = Path(folder) / "damaged"
            shutil.copytree(original, damaged)
            (damaged / kind.file).write_bytes(mutated(content, name, number))
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            print(_fault(kind, damaged, written, name in NEVER_REFUSED), flush=True)
            signal.setitimer(signal.ITIMER_PROF, 0)
            shutil.rmtree(damaged)


def _fault(kind: Kind, folder: Path, written: object, never_refused: bool) -> str:
    """Return what is wrong with how a damaged file is read, "" if nothing is."""
    try:
        found = kind.read(folder)
    except GancError as error:
        said = str(error)
        if never_refused:
            return f"refused: {said}"
        return "" if "\n" not in said and len(said) < 1000 else f"not one line: {said!r:.300}"
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"unnamed {type(error).__name__}: {str(error)[:200]!r} at {place.filename}:{place.lineno}"
    return "" if kind.fits(found, written) else f"accepted with other content: {str(found)[:200]!r}"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
