"""ganc-export --format web: the folder that it writes, and what it refuses; test_page.py looks at the page."""

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers.images import save_random_image
from helpers.stages import listing, nothing_changes, refusal
from helpers.support import SIZE, make_checkpoint, run_command, succeed
from PIL import Image

from ganc.base.errors import ExportError
from ganc.engines.loading import open_model
from ganc.files.card import file_digest, read_card
from ganc.files.checkpoint import write_checkpoint
from ganc.system.static_server import HEADERS, POLICY, StaticServer
from ganc_export.web.runtime import ARCHIVE_BYTES, VERSION, RegistryUnreachableError, find_runtime

pytest.importorskip("onnx", reason="graphs are written with the onnx package")
pytest.importorskip("onnxruntime", reason="verifies ONNX graphs")

WEB = ("--format", "web")
DOCS = Path(__file__).parents[2] / "docs" / "browser.md"


def manifest(folder):
    return json.loads((folder / "web" / "page.json").read_text(encoding="utf-8"))


def test_the_folder_is_whole_and_the_card_proves_all_of_it(web_folder):
    folder = web_folder / "dist"
    card = read_card(folder)
    (form,) = card["forms"]
    assert (form["format"], form["precision"]) == ("web", "f32")
    assert form["files"] == {name: file_digest(folder / name) for name in form["files"]}
    written = {name for name, content in listing(folder).items() if content != "folder"}
    assert {*form["files"], *card["files"], "model.json"} == written
    page = manifest(folder)
    named = [one["file"] for one in page["generators"].values()] + page["samples"]
    named += [name for one in ("wasm", "webgpu") for name in (page["runtime"][one]["script"],)]
    named += [page["runtime"][one]["binary"]["file"] for one in ("wasm", "webgpu")]
    for name in named:
        assert (folder / "web" / name).is_file(), name
    for one in page["generators"].values():
        assert one["bytes"] == (folder / "web" / one["file"]).stat().st_size
    assert page["generators"]["original"]["params"] > page["generators"]["compressed"]["params"]
    assert "`web`" in (folder / "README.md").read_text()
    assert "ganc serve ." in (folder / "README.md").read_text()
    assert "MIT License" in (folder / "web" / "ort" / "LICENSE.txt").read_text()


def test_hosts_are_told_what_ganc_serve_sends(web_folder):
    page = web_folder / "dist" / "web"
    told = dict(line.strip().split(": ", 1) for line in (page / "_headers").read_text().splitlines()[1:])
    assert told == HEADERS
    assert f'content="{POLICY}"' in (page / "index.html").read_text(encoding="utf-8")
    example = DOCS.read_text(encoding="utf-8")
    for name, value in HEADERS.items():
        assert f"add_header {name} {value};" in example or f'add_header {name} "{value}";' in example


def test_the_page_is_html_that_asks_nobody_else_and_escapes_its_title(web_folder):
    folder = web_folder / "dist" / "web"
    index = (folder / "index.html").read_text(encoding="utf-8")
    assert index.count("Plain &amp; &lt;striped&gt;") == 2
    assert "<striped>" not in index
    for path in folder.iterdir():
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text(encoding="utf-8")
            assert "http://" not in text, path
            assert "https://" not in text, path


def test_ganc_runs_the_folder_itself(web_folder, tmp_path):
    image = save_random_image(tmp_path / "image.png")
    for model, name in ((web_folder / "dist", "web.png"), (web_folder / "small.safetensors", "checkpoint.png")):
        succeed("ganc", "translate", model, image, "-o", tmp_path / name)
    one, other = (np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("web.png", "checkpoint.png"))
    assert np.abs(one - other).max() <= 1
    for engine in ("onnxruntime", "openvino"):
        open_model(web_folder / "dist" / "web" / "generator.onnx", engine=engine)


def test_samples_are_the_user_s_and_webgpu_can_be_left_out(web_folder, web_runtime, tmp_path):
    image = save_random_image(tmp_path / "mine.png", (80, 60))
    options = ("--sample", image, "--no-webgpu", "--runtime", web_runtime, "--io", "uint8")
    succeed("ganc-export", "--checkpoint", web_folder / "small.safetensors", *WEB, *options, "-o", tmp_path / "dist")
    page = manifest(tmp_path / "dist")
    assert page["samples"] == ["samples/1.png"]
    assert set(page["runtime"]) == {"version", "wasm"}
    assert page["input"] == {"dtype": "uint8", "layout": "NHWC"}
    assert "original" not in page["generators"]
    with Image.open(tmp_path / "dist/web/samples/1.png") as sample:
        assert min(sample.size) == SIZE
    assert not list((tmp_path / "dist/web/ort").glob("*webgpu*"))


def test_the_runtime_is_taken_from_where_npm_installed_it_and_proven(web_folder, web_runtime, tmp_path):
    installed = tmp_path / "project" / "node_modules" / "onnxruntime-web" / "dist"
    shutil.copytree(web_runtime, installed)
    export = ("--checkpoint", web_folder / "small.safetensors", *WEB, "--runtime", tmp_path / "project")
    succeed("ganc-export", *export, "-o", tmp_path / "dist")
    with (installed / "ort-wasm-simd-threaded.wasm").open("ab") as file:
        file.write(b"\0")
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", *export, "-o", tmp_path / "other")
    assert "ort-wasm-simd-threaded.wasm: is not that of onnxruntime-web 1." in said
    (installed / "ort-wasm-simd-threaded.wasm").unlink()
    with nothing_changes(tmp_path):
        assert "--runtime" in refusal("ganc-export", *export, "-o", tmp_path / "other")


@pytest.mark.parametrize("with_npm", [True, False])
def test_a_runtime_that_cannot_be_fetched_is_one_line(web_folder, tmp_path, with_npm):
    """A registry where nobody answers; without npm ganc downloads by itself."""
    if with_npm and not shutil.which("npm"):
        pytest.skip("npm is not installed")
    environment = os.environ | {
        "GANC_CACHE": str(tmp_path / "cache"),
        "NPM_CONFIG_REGISTRY": "http://127.0.0.1:9",
        "NPM_CONFIG_FETCH_RETRIES": "0",
        "NPM_CONFIG_CACHE": str(tmp_path / "npm"),
    }
    if not with_npm:
        environment["PATH"] = ""
    export = ("--checkpoint", web_folder / "small.safetensors", *WEB, "-o", tmp_path / "dist")
    done = run_command("ganc-export", *export, environment=environment)
    last = done.stderr.decode().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("Error: ")
    assert "onnxruntime-web 1." in last
    assert "--runtime" in last
    assert "refused" in last.lower()
    assert "Command '[" not in last
    assert not (tmp_path / "dist").exists()
    assert not any((tmp_path / "cache").iterdir())


def test_what_a_registry_has_instead_is_no_registry_out_of_reach(monkeypatch, tmp_path):
    """Longer than the archive, too; tests that need the runtime must not be skipped for it."""
    archive = tmp_path / "registry/onnxruntime-web/-" / f"onnxruntime-web-{VERSION}.tgz"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(bytes(ARCHIVE_BYTES + 2))
    with StaticServer(tmp_path / "registry", "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for name, value in (("PATH", ""), ("GANC_CACHE", tmp_path / "cache"), ("NPM_CONFIG_REGISTRY", server.address)):
            monkeypatch.setenv(name, str(value))
        with pytest.raises(ExportError, match="integrity hash differs") as other:
            find_runtime()
        archive.unlink()
        with pytest.raises(ExportError, match="404") as absent:
            find_runtime()
        server.shutdown()
    assert not any(isinstance(one.value, RegistryUnreachableError) for one in (other, absent))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnreachableError):
        find_runtime()


def test_what_does_not_go_together_is_refused(web_folder, web_runtime, tmp_path):
    small = ("--checkpoint", web_folder / "small.safetensors")
    grey = tmp_path / "grey.safetensors"
    write_checkpoint(grey, make_checkpoint("replace", 4, in_channels=1, out_channels=1))
    other_way = tmp_path / "reverse.safetensors"
    write_checkpoint(other_way, make_checkpoint("finetune", 4, direction="BtoA"))
    runtime = ("--runtime", web_runtime)
    out = ("-o", tmp_path / "dist")
    with nothing_changes(tmp_path):
        assert "--format web" in refusal("ganc-export", *small, "--title", "T", *out, status=2)
        assert "f16" in refusal("ganc-export", *small, *WEB, "--precision", "f16", *out, status=2)
        said = refusal("ganc-export", *small, *WEB, *runtime, "--original", grey, *out)
        assert "grey.safetensors" in said
        assert "channels" in said
        assert "AtoB" in refusal("ganc-export", *small, *WEB, *runtime, "--original", other_way, *out)
        page = web_folder / "dist/web/index.html"
        assert "index.html" in refusal("ganc-export", *small, *WEB, *runtime, "--sample", page, *out)
        assert "index.html" in refusal("ganc-export", *small, *WEB, *runtime, "--original", page, *out)


def test_equal_checkpoints_give_equal_folders(web_folder, web_runtime, tmp_path):
    original = ("--original", web_folder / "original.safetensors", "--title", "Plain & <striped>")
    source = ("--checkpoint", web_folder / "small.safetensors", "--runtime", web_runtime)
    succeed("ganc-export", *source, *WEB, *original, "-o", tmp_path / "dist")
    assert listing(tmp_path / "dist") == listing(web_folder / "dist")
