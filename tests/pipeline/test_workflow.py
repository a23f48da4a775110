"""The workflow's configuration: its keys, and those that had another name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.support import PATIENCE

from ganc.files.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
OLD_NAMES = {"pictures": "images", "search_pictures": "search_images"}
CONFIGURATION = """
out: made
data: source
{search_images}: 7
{images}: {{crop-size: 40, batch-size: 3}}
replace: {{width: 5}}
search: {{shards: 2}}
"""


def planned(folder: Path, **keys: str) -> subprocess.CompletedProcess:
    """Return a dry run of the whole workflow, which prints every command that it would run."""
    (folder / "source").mkdir(parents=True)
    (folder / "settings.yaml").write_text(CONFIGURATION.format(**keys))
    return dry_run(folder, "--configfile", "settings.yaml")


def dry_run(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    pytest.importorskip("snakemake", reason="the workflow runs on Snakemake, which is an extra")
    snakemake = (sys.executable, "-m", "snakemake", *map(str, arguments))
    options = ("--dry-run", "--printshellcmds", "--cores", "1", "--nocolor")
    return subprocess.run(
        [*snakemake, *options, "--snakefile", ROOT / "workflow" / "Snakefile"],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def commands(run: subprocess.CompletedProcess) -> list[str]:
    assert run.returncode == 0, run.stderr
    said = [line.strip().removeprefix("Shell command: ") for line in (run.stdout + run.stderr).splitlines()]
    return sorted(line for line in said if line.startswith("ganc"))


def test_keys_that_had_another_name_still_work_and_are_said(tmp_path):
    new = planned(tmp_path / "new", images="images", search_images="search_images")
    old = planned(tmp_path / "old", images="pictures", search_images="search_pictures")
    assert any("ganc-replace" in line and "--crop-size '40'" in line for line in commands(new))
    assert any("--search 7" in line for line in commands(new))
    assert commands(old) == commands(new)
    for before, now in OLD_NAMES.items():
        line = f"{before} is now called {now}"
        assert old.stderr.count(line) == 1
        assert line not in new.stderr


@pytest.mark.parametrize(
    ("name", "target", "command"),
    [
        ("demo", "all", "ganc-replace"),
        ("demo-teacher", "original", "ganc extract"),
        ("horse2zebra-cpu", "all", "ganc-replace"),
        ("horse2zebra", "all", "ganc-replace"),
        ("real-generator", "all", "ganc-distill"),
    ],
)
def test_every_configuration_can_be_planned(name, target, command, tmp_path):
    for folder in ("images", "workflow"):
        (tmp_path / folder).mkdir()
    for file in ("workflow/demo-teacher.safetensors", "net_G.pth"):
        (tmp_path / file).touch()
    given = ("--config", "data=images", *(["teacher=net_G.pth"] if name == "real-generator" else []))
    run = dry_run(tmp_path, target, "--configfile", ROOT / "workflow" / f"{name}.yaml", *given)
    assert run.returncode == 0, run.stderr
    assert command in run.stdout + run.stderr


def test_the_demos_original_is_small_and_the_one_that_its_configuration_names():
    path = ROOT / "workflow" / "demo-teacher.safetensors"
    assert path.stat().st_size <= 3_000_000
    assert read_checkpoint(path).digest in (ROOT / "workflow" / "demo-teacher.yaml").read_text()
