"""Exported folders that several tests read: in every format, and what the format web needs."""

import shutil

import pytest
from helpers.page import READY, served
from helpers.support import make_checkpoint, succeed
from shared.browser import find_browser, running_browser

from ganc.files.checkpoint import write_checkpoint

FORMATS = ("--format", "paddle", "--format", "onnx", "--format", "openvino")


@pytest.fixture(scope="session")
def web_runtime(cache, tmp_path_factory):
    """A folder with ONNX Runtime Web; the tests skip where npm's registry is out of reach, and for nothing else."""
    from ganc_export.web.runtime import RegistryUnreachableError, find_runtime

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NPM_CONFIG_FETCH_RETRIES", "0")
        try:
            return find_runtime()
        except RegistryUnreachableError as error:
            pytest.skip(f"needs ONNX Runtime Web: {error}")


@pytest.fixture(scope="session")
def web_folder(web_runtime, tmp_path_factory):
    """A tiny generator as a page, beside a larger original. Read it only."""
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip("onnxruntime", reason="verifies ONNX graphs")
    folder = tmp_path_factory.mktemp("web")
    write_checkpoint(folder / "small.safetensors", make_checkpoint("finetune", 4, seed=3))
    write_checkpoint(folder / "original.safetensors", make_checkpoint("replace", 8, block="resnet", seed=4))
    original = ("--original", folder / "original.safetensors", "--title", "Plain & <striped>")
    source = ("--checkpoint", folder / "small.safetensors", "--runtime", web_runtime)
    succeed("ganc-export", *source, "--format", "web", *original, "-o", folder / "dist")
    return folder


@pytest.fixture
def web_copy(web_folder, tmp_path):
    """A copy of the page that a test may damage."""
    return shutil.copytree(web_folder / "dist" / "web", tmp_path / "page")


@pytest.fixture(scope="module")
def browser():
    if find_browser() is None:
        pytest.skip("needs Chromium (Debian's package chromium)")
    with running_browser() as one:
        yield one


@pytest.fixture
def tab(browser):
    """The browser with a window of a desktop and nothing to complain about."""
    browser.look(1200, 900)
    browser.complaints.clear()
    yield browser
    browser.run("0")  # what it had to say has come
    assert browser.complaints == []


@pytest.fixture(scope="module")
def address(web_folder):
    with served(web_folder / "dist" / "web") as one:
        yield one


@pytest.fixture
def page(tab, address):
    """The tiny generator's page, ready; opened once, and again after a test that left it."""
    if tab.run("location.href") != address:
        tab.requests.clear()
        tab.open(address)
    tab.wait_for(READY)
    return tab


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small checkpoint of mixed widths. Read it only."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    write_checkpoint(path, make_checkpoint("finetune", 8, widths=(4, 8, 6, 2, 8, 4, 3, 5), seed=3))
    return path


@pytest.fixture(scope="session")
def folder(checkpoint, tmp_path_factory):
    """The checkpoint in every format, in f32. Read it only."""
    out = tmp_path_factory.mktemp("formats") / "dist"
    succeed("ganc-export", "--checkpoint", checkpoint, *FORMATS, "-o", out)
    return out
