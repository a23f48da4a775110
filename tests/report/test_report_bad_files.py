"""`ganc report` of files that are damaged, missing, cut off or hostile: named or escaped, and the page stays sound."""

import contextlib
import dataclasses
import json
import os
import shutil

import pytest
from helpers.reports import reported, row
from helpers.stages import nothing_changes, refusal
from helpers.support import make_checkpoint

from ganc.files.checkpoint import write_checkpoint

pytest.importorskip("jinja2", reason="jinja2 is not installed")

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}\u202e\x07.safetensors"


def test_a_run_that_has_not_ended_is_shown_and_what_is_missing_is_named(folder, tmp_path):
    (folder / "supernet.safetensors").write_bytes((folder / "replace.safetensors").read_bytes()[:-9])
    (folder / "bench.json").write_text('[{"engine": "openvino", "compressed_ms": "fast"}]')
    with (folder / "distill.safetensors.run" / "log.jsonl").open("a") as log:
        log.write('nonsense\n{"step": 9, "losses": {"fea')
    (folder / "strip-2.png").write_bytes(b"\x89PNG\r\n\x1a\n, cut off")
    page = reported(folder, tmp_path)
    missing = page.text_of(page.all("dl", **{"class": "gaps"})[0])
    for gap in (
        "distill.safetensors.run has not ended: 6 steps are done",
        "state.safetensors is missing",
        "1 of its 3 lines is damaged",
        "its last line was cut off",
        "supernet.safetensors ",
        "bench.json",
        "strip-2.png",
        "search results ganc-search has not made it here",
    ):
        assert gap in missing, gap
    assert page.data("losses-0")["losses"]["feature"] == [[3, 1 / 3], [6, 1 / 6]]


def test_everything_that_files_say_is_escaped(folder, tmp_path):
    hostile = HOSTILE.replace("/", "\\")  # a file's name has no slash
    write_checkpoint(folder / hostile, make_checkpoint("supernet", training={"space": HOSTILE}))
    (folder / "report.json").write_text(json.dumps([row(HOSTILE), row("</style><img src=x onerror=y>")]))
    run = folder / "distill.safetensors.run"
    (run / "settings.json").write_text(json.dumps({"stage": HOSTILE, HOSTILE: {"x": [HOSTILE]}, "long": "x" * 100_000}))
    (run / "log.jsonl").write_text(json.dumps({"step": 1, "losses": {HOSTILE: 1.0}, "metrics": {"]]>": 2.0}}) + "\n")
    with contextlib.suppress(OSError):  # where the file system takes no such name
        shutil.copytree(run, os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.run"))
    page = reported(folder, tmp_path)
    assert not [one for one in page.all("script") if "src" in one.attributes or one.texts[0].startswith("alert")]
    assert "<script>alert" not in page.text
    assert "onerror" not in {name for one in page.elements for name in one.attributes}
    assert "\u202e" not in page.text
    assert "\x07" not in page.text
    assert "{{7*7}}" in page.text  # and not 49
    assert "alert(1)" in page.text_of(page.all("main")[0])


@pytest.mark.parametrize("content", [(), ("notes.txt",), ("broken.h5",)])
def test_a_folder_without_anything_of_ganc_is_one_line(tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in content:
        (folder / name).write_text("something else")
    with nothing_changes(tmp_path):
        said = refusal("ganc", "report", folder, "-o", tmp_path / "report.html")
    assert said.startswith(f"{folder}: holds nothing of ganc")
    if "broken.h5" in content:
        assert "broken.h5" in said


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs a file whose reading fails")
def test_a_file_that_cannot_be_read_is_missing_and_no_more(folder, tmp_path):
    made_from = dataclasses.replace(make_checkpoint(), sources={"teacher": "0" * 64})
    write_checkpoint(folder / "replace.safetensors", made_from)
    (folder / "teacher.pth").symlink_to("/proc/self/mem")
    (folder / "odd.pth").symlink_to("x" * 300)
    page = reported(folder, tmp_path)
    gaps = page.text_of(page.all("dl", **{"class": "gaps"})[0])
    assert "teacher.pth cannot be read (" in gaps
    assert gaps.count("odd.pth cannot be read (") == 1
