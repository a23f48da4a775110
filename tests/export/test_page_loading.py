"""How the exported page loads in a real browser: what it says where it cannot, what waits, which engine it takes."""

import threading

import numpy as np
import pytest
from helpers.images import save_random_image
from helpers.page import DONE, READY, figures, served, shown, translated
from helpers.support import PATIENCE

from ganc.system.static_server import StaticServer


def test_a_worker_is_held_to_the_policy_too(browser, tmp_path):
    """By the header of its own script; the page's says nothing for it."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "worker.js").write_text(
        "self.addEventListener('securitypolicyviolation', ({ blockedURI }) => postMessage(blockedURI));\n"
        "fetch('http://localhost:1/elsewhere').catch(() => 0);"
    )
    ask = "new Promise((done) => { new Worker('worker.js').onmessage = ({ data }) => done(data); })"
    with served(tmp_path) as address:
        browser.open(address)
        browser.complaints.clear()
        assert browser.run(ask) == "http://localhost:1/elsewhere"
    assert any("Content Security Policy" in one for one in browser.complaints)  # a worker's are heard


def test_a_browser_without_webassembly_is_told_so(browser, address):
    script = browser.send("Page.addScriptToEvaluateOnNewDocument", source="delete window.WebAssembly")["identifier"]
    try:
        browser.open(address)
        assert "WebAssembly" in browser.run("document.getElementById('trouble').innerText")
        assert browser.run("document.getElementById('stage').hidden") is True
    finally:
        browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_a_page_that_was_opened_as_a_file_says_what_serves_it(browser, web_folder):
    browser.open((web_folder / "dist" / "web" / "index.html").as_uri())
    assert "ganc serve" in browser.run("document.getElementById('trouble').innerText")


def test_a_generator_that_does_not_come_is_said(browser, web_copy):
    (web_copy / "generator.onnx").write_bytes(b"short")
    with served(web_copy) as address:
        browser.open(address)
        browser.wait_for("document.getElementById('status').textContent.startsWith('The generator could not be')")
    assert "generator.onnx" in browser.run("document.getElementById('status').textContent")
    for name in ("compare", "panel", "beside"):  # nothing is left that would do nothing
        assert browser.run(f"document.getElementById('{name}').checkVisibility()") is False


class SlowServer(StaticServer):
    """Has the compressed generator only after `gate` is set."""

    gate = threading.Event()

    def file_of(self, target):
        if "generator.onnx" in target:
            self.gate.wait(PATIENCE)
        return super().file_of(target)


def test_what_is_chosen_while_the_generator_loads_is_done_afterwards(tab, web_folder, tmp_path):
    """Of two images the second; the original, asked for between them, runs too."""
    first, second = (save_random_image(tmp_path / f"{side}.png", (side, 24)) for side in (28, 20))
    with served(web_folder / "dist" / "web", SlowServer) as address:
        tab.open(f"{address}?engine=wasm")
        tab.wait_for("!document.getElementById('panel').hidden")
        tab.wait_for("document.getElementById('status').textContent === 'Loading …'")
        assert tab.run("document.getElementById('loaded').getAttribute('aria-label')") == "Loaded so far"
        tab.give_file("#file", first)
        tab.run("document.getElementById('run-original').click()")
        tab.give_file("#file", second)
        SlowServer.gate.set()
        tab.wait_for(READY)
        tab.wait_for(f"!document.getElementById('pair').hidden && {DONE}")
        assert figures(tab)["image"] == "20 × 24"
        assert np.abs(shown(tab, "after") - translated(web_folder / "dist", second, tmp_path)).mean() < 0.5
        assert shown(tab, "by-original").shape == (24, 20, 3)


# A WebGPU that answers at once, and wrongly: black images.
WRONG_WEBGPU = """
export const env = { wasm: {} };
export class Tensor { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } }
export const InferenceSession = { create: async () => ({
  inputNames: ["image"],
  outputNames: ["made"],
  run: async ({ image }) => ({ made: { dims: image.dims, getData: async () => image.data.map(() => -1) } }),
}) };
"""
WITH_ADAPTER = """
Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => { window.asked = true; return {}; } } });
"""


@pytest.mark.parametrize("script", [WRONG_WEBGPU, "throw new Error('no such driver')"], ids=["wrong", "broken"])
def test_a_webgpu_that_is_wrong_is_not_used(tab, web_copy, script):
    (web_copy / "ort" / "ort.webgpu.bundle.min.mjs").write_text(script)
    before = tab.send("Page.addScriptToEvaluateOnNewDocument", source=WITH_ADAPTER)["identifier"]
    try:
        with served(web_copy) as address:
            tab.open(address)
            tab.wait_for(READY)
            assert tab.run("window.asked")
    finally:
        tab.send("Page.removeScriptToEvaluateOnNewDocument", identifier=before)
    assert tab.run("document.body.dataset.webgpu") == "left"
    assert figures(tab)["engine"].startswith("WebAssembly")


def test_a_webgpu_that_is_right_and_faster_is_used(tab, web_copy):
    """What stands for it is WebAssembly's own script, which makes the same image; the time is not asked for."""
    ort = web_copy / "ort"
    binary = (ort / "ort-wasm-simd-threaded.wasm").read_bytes()
    (ort / "ort.webgpu.bundle.min.mjs").write_text(
        "import * as ort from './ort.wasm.bundle.min.mjs';\n"
        "export const { env, Tensor } = ort;\n"
        "export const InferenceSession = { create: (graph) => ort.InferenceSession.create(graph) };\n"
    )
    page = (web_copy / "page.json").read_text()
    (web_copy / "page.json").write_text(
        page.replace("ort-wasm-simd-threaded.asyncify.wasm", "ort-wasm-simd-threaded.wasm").replace(
            str((ort / "ort-wasm-simd-threaded.asyncify.wasm").stat().st_size), str(len(binary))
        )
    )
    before = tab.send("Page.addScriptToEvaluateOnNewDocument", source=WITH_ADAPTER)["identifier"]
    try:
        with served(web_copy) as address:
            tab.open(f"{address}?engine=webgpu")
            tab.wait_for(READY)
            tab.wait_for("document.querySelector('[data-figure=engine]').textContent === 'WebGPU'")
            tab.wait_for(DONE)
            tab.run("document.getElementById('run-original').click()")
            tab.wait_for(f"!document.getElementById('pair').hidden && {DONE}")
            assert "WebAssembly" not in tab.run("document.getElementById('beside').innerText")
    finally:
        tab.send("Page.removeScriptToEvaluateOnNewDocument", identifier=before)
