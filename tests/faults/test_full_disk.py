"""Disks that are really full, and files that may not grow: what libraries in C write meets that too."""

import os
import subprocess
from functools import partial

import pytest
from helpers.fault_runs import ALL, COMMANDS, MOST, Fault, content, met

NAMES = (*COMMANDS, "ganc-export of all formats") if ALL else ("ganc-finetune", "ganc-export of all formats")
PAGE = 4096


def sizes_of(folder):
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()]


def parts_of(size):
    """Return sizes below one; each has room for what a run says."""
    shares = range(0, 20, 20 // min(20, MOST or 20)) if ALL else (3, 17)
    return sorted({max(PAGE, size * share // 20 // PAGE * PAGE) for share in shares})


class Disk:
    """A disk in memory, mounted at a place."""

    def __init__(self, place):
        self.place = place

    def __enter__(self):
        self.place.mkdir()
        if self._mount("size=1g"):
            pytest.skip("no disk can be mounted here")
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.place], check=True)

    def leave(self, size):
        """Leave so many bytes of room."""
        found = os.statvfs(self.place)
        self._mount(f"remount,size={max(PAGE, (found.f_blocks - found.f_bfree) * found.f_frsize + size)}")

    def enlarge(self):
        self._mount("remount,size=1g")

    def _mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.place]
        return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_of_what_a_file_may_hold(name, cases, server, undisturbed, tmp_path, record_property):
    """As quotas and `ulimit -f` set; the system then fails a write in its middle."""
    whole = undisturbed(name)[0]
    limits = parts_of(max(sizes_of(whole)))
    problems = []
    for limit in limits:
        found = met(server, cases[name], tmp_path / f"{limit}", content(whole), Fault(largest=limit))
        problems += [f"{limit} bytes: {one}" for one in found]
    record_property(f"limited files: {name}", len(limits))
    assert not problems, "\n".join(problems)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only the superuser mounts disks")
@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_is_full(name, cases, server, undisturbed, tmp_path, record_property):
    """When there is room again, the same command makes the output."""
    whole = undisturbed(name)[0]
    sizes = parts_of(sum(size // PAGE * PAGE + 2 * PAGE for size in sizes_of(whole)))
    problems = []
    for size in sizes:
        with Disk(tmp_path / f"{size}") as disk:
            around = {"begin": partial(disk.leave, size), "end": disk.enlarge}
            found = met(server, cases[name], disk.place / "run", content(whole), Fault(), **around)
        problems += [f"{size} bytes: {one}" for one in found]
    record_property(f"full disk: {name}", len(sizes))
    assert not problems, "\n".join(problems)
