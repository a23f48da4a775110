"""The page that `ganc report` writes of a folder, and rows of the comparison that it finds there."""

from helpers.pages import Page, require_sound
from helpers.support import succeed


def reported(folder, tmp_path, *, name="report.html"):
    succeed("ganc", "report", folder, "-o", tmp_path / name)
    page = Page(tmp_path / name)
    require_sound(page)
    assert (tmp_path / name).stat().st_size < 3_000_000
    return page


def row(name, **values):
    return {
        "name": name, "model": f"/somewhere/{name}", "macs": 100, "device_macs": 90, "params": 10, "bytes": 1000,
        "milliseconds": 2.5, "metric": "untrained-conv3-v1", "value": 10.0, "kernel": 0.5, "kernel_error": 0.01,
        "images": 60, "subset": "testA", "judgement": "better",
    } | values  # fmt: skip


UNTOUCHED = row("untouched images", macs=None, params=None, bytes=None, milliseconds=None, kernel=0.9, judgement=None)
COMPARED = [UNTOUCHED, row("original", macs=500, kernel=0.4), row("exported")]
