"""The README of each tool: its example has the form of what the command prints, its summary what the tool does."""

import contextlib
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from helpers.support import succeed

from ganc.base.engine_table import FORMATS
from ganc.models.task import TaskName

TOOLS = Path(__file__).parents[2] / "tools"
STAGES = ("replace", "distill", "supernet", "search", "finetune", "export")

NAMED = "data|run_dir|source|widths|space|metric|engine"  # members of the line whose values are names
FEATURES = r"\b(efficientnet-lite0|untrained-conv3-v1)\b"


def said_by(stage: str) -> str:
    """Return what the example of a tool's README shows of its command's output."""
    text = (TOOLS / stage / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^```console\n\$ ganc-{stage} (.*?)^```", text, re.MULTILINE | re.DOTALL)
    return block


def form(text: str, stage: str) -> list[str]:
    """Return the line of settings and the heads of the table, with numbers and names taken out."""
    line = re.search(rf"^ganc-{stage}: .*$", text, re.MULTILINE)[0]
    line = re.sub(rf"\b({NAMED}) \S+(?=,|$)", r"\1", line)
    head = re.search(r"^(.*)\n-+  -+.*$", text, re.MULTILINE)[1]
    columns = re.split(r" {2,}", re.sub(FEATURES, "METRIC", head.strip()))
    return [re.sub(r"\d[\d.]*(e-\d+)?", "N", part) for part in (line, *columns)]


@pytest.mark.parametrize("stage", STAGES)
def test_the_example_has_the_form_of_what_the_command_prints(stage, chain, tmp_path):
    folder = tmp_path / "chain"
    shutil.copytree(chain.folder, folder, symlinks=True)
    output = getattr(chain, stage).name
    measured = ("--data", "data") if stage == "export" else ()
    with contextlib.chdir(folder):
        done = succeed(f"ganc-{stage}", *chain.arguments[stage], *measured, "-o", output)
    assert form(said_by(stage), stage) == form(done.stderr + done.stdout, stage)


def test_the_summaries_name_every_task_and_every_format():
    summaries = {}
    for stage in STAGES:
        project = tomllib.loads((TOOLS / stage / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        summaries[stage] = project["description"].lower()
    assert [task.value for task in TaskName if task.value not in summaries["replace"]] == []
    assert [name for name in FORMATS if name not in summaries["export"]] == []
