"""A report as a browser shows it, with scripts switched off."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.search_rows import eight_rows, make_results
from helpers.support import succeed
from PIL import Image
from shared.browser import Browser, find_browser, running_browser

from ganc.results.hdf5 import write_results

pytest.importorskip("jinja2", reason="jinja2 is not installed")
pytestmark = pytest.mark.skipif(find_browser() is None, reason="needs Chromium (Debian's package chromium)")

PHONE, DESK = (390, 844), (1200, 900)
WHICH = "[...document.querySelectorAll('svg.{}')].filter(one => one.getBoundingClientRect().width > 0).length"


@pytest.fixture
def report(tmp_path: Path) -> str:
    """The address of a report with charts, tables of long words and a strip."""
    folder = tmp_path / "made"
    run = folder / "distill.safetensors.run"
    run.mkdir(parents=True)
    (run / "settings.json").write_text(json.dumps({"stage": "distill", "digest": "0123456789abcdef" * 8}))
    lines = [{"step": step, "losses": {"feature": 1 / step, "reconstruction": 30.0}} for step in range(1, 40)]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_results(folder / "search.h5", make_results(eight_rows()))
    noise = np.random.default_rng(0).integers(0, 256, (300, 800, 3), np.uint8)
    Image.fromarray(noise).save(folder / "strip.png")
    succeed("ganc", "report", folder, "-o", tmp_path / "report.html")
    return (tmp_path / "report.html").as_uri()


def focused(browser: Browser, selector: str) -> bool:
    return browser.run(f"document.activeElement.matches({json.dumps(selector)})")


def reach(browser: Browser, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        browser.press("Tab", 9)
        if focused(browser, selector):
            return
    pytest.fail(f"Tab does not reach {selector}")


def test_it_fits_every_width_opens_pictures_and_tables_by_keyboard_and_loads_nothing(report):
    with running_browser() as browser:
        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        browser.look(*PHONE, dark=True)
        browser.open(report)
        assert browser.run("document.documentElement.scrollWidth") <= PHONE[0]
        assert browser.run(WHICH.format("narrow")) > 0
        assert browser.run(WHICH.format("wide")) == 0
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
        browser.look(*DESK)
        assert browser.run("document.documentElement.scrollWidth") <= DESK[0]
        assert browser.run(WHICH.format("wide")) > 0
        assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"

        reach(browser, ".picture .open")
        assert browser.run("getComputedStyle(document.querySelector('.picture')).position") == "static"
        browser.press("Enter", 13, "\r")
        browser.wait_for("getComputedStyle(document.querySelector('.picture')).position === 'fixed'")
        assert browser.run("document.querySelector('.picture img').getBoundingClientRect().width") >= 800
        reach(browser, ".picture .close")
        browser.press("Enter", 13, "\r")
        browser.wait_for("getComputedStyle(document.querySelector('.picture')).position === 'static'")

        reach(browser, "summary")
        browser.press("Enter", 13, "\r")
        browser.wait_for("document.querySelector('details').open")
        assert browser.complaints == []
        assert {address.partition(":")[0] for address in browser.requests} <= {"file", "data"}
        assert [one for one in browser.requests if one.startswith("file")] == [report]
