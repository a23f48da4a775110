"""The kinds of files that are damaged: what each is made of, and what a program sees that reads it."""

import contextlib
import shutil
from pathlib import Path

import numpy as np

from ganc.files.card import CARD, card_variants, check_files, file_digest, read_card, write_card
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.files.run_directory import LOG_FILE, SETTINGS_FILE, STATE_FILE, RunDirectory
from ganc.importers.files import read_networks
from ganc.metrics.statistics import Statistics, read_statistics, write_statistics
from ganc.report.describe import describe
from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import Journal, read_journal
from ganc_search.latency import latency_file
from helpers.fuzz_inputs import BROUGHT
from helpers.fuzz_kind import Kind
from helpers.search_rows import IDENTITY, eight_rows, make_results
from helpers.support import make_checkpoint

GOLDEN = Path(__file__).parents[1] / "golden"
SETTINGS = {"seed": 1, "stage": "distill", "learning_rate": 2e-4, "crop_size": [32, 32]}
LATENCY = {"engine": "openvino", "size": [32, 32]}


def _make_checkpoint(folder: Path) -> None:
    write_checkpoint(folder / "file", make_checkpoint(width=2))


def _read_checkpoint(folder: Path) -> object:
    checkpoint = read_checkpoint(folder / "file")
    return describe(folder / "file"), {name: state.tensors.keys() for name, state in checkpoint.networks.items()}


def _make_results(folder: Path) -> None:
    write_results(folder / "file", make_results(eight_rows()))


def _make_journal(folder: Path) -> None:
    with contextlib.closing(Journal(folder / "file", IDENTITY, {"seed": 1})) as journal:
        for row in eight_rows():
            journal.append(row)


def _read_journal(folder: Path) -> object:
    read = read_journal(folder / "file")
    with contextlib.closing(Journal(folder / "file", IDENTITY, {"seed": 1})) as journal:
        assert len(journal.rows) == len(read)
    return read.identity, read.facts, list(read)


def _is_part(found: object, written: object) -> bool:
    """A last line that is damaged was cut off when its writer was killed; its row is measured again."""
    return found[:2] == written[:2] and all(row in written[2] for row in found[2])


def _make_latencies(folder: Path) -> None:
    with contextlib.closing(latency_file(folder / "file", LATENCY)) as file:
        for width in range(8):
            file.write({f"subnet {width}": 1.5 * width, f"stage {width}": 0.25})


def _read_latencies(folder: Path) -> object:
    with contextlib.closing(latency_file(folder / "file", LATENCY)) as file:
        return file.lines


def _make_statistics(folder: Path) -> None:
    features = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    made = Statistics(
        mu=features.mean(axis=0, dtype=np.float64),
        sigma=np.cov(features, rowvar=False),
        feature_set="untrained-conv3-v1",
        feature_digest="f" * 64,
        images=12,
        image_size=(32, 32),
        data_fingerprint="d" * 64,
        verified=True,
        features=features,
    )
    write_statistics(folder / "file", made)


def _read_statistics(folder: Path) -> object:
    read = read_statistics(folder / "file", None)
    return read.digest, read.verified


def _make_export(folder: Path) -> None:
    write_checkpoint(folder / "generator.safetensors", make_checkpoint(width=2).extracted(["generator"], folder))
    (folder / "onnx").mkdir()
    (folder / "onnx" / "generator.onnx").write_bytes(bytes(range(256)) * 20)
    (folder / "openvino").mkdir()
    (folder / "openvino" / "generator.xml").write_text('<?xml version="1.0"?>\n<net name="generator" version="11"/>\n')
    (folder / "openvino" / "generator.bin").write_bytes(bytes(range(256)) * 20)
    (folder / "paddle").mkdir()
    (folder / "paddle" / "generator.json").write_text('{"base_code": {"magic": "pir", "version": 1}, "program": {}}\n')
    (folder / "paddle" / "generator.pdiparams").write_bytes(bytes(range(256)) * 20)
    forms = {
        "onnx": ["onnx/generator.onnx"],
        "openvino": ["openvino/generator.xml", "openvino/generator.bin"],
        "paddle": ["paddle/generator.json", "paddle/generator.pdiparams"],
    }
    listed = [
        {"format": name, "precision": "f32", "files": {file: file_digest(folder / file) for file in files}}
        for name, files in forms.items()
    ]
    checkpoint = read_checkpoint(folder / "generator.safetensors")
    described = describe(folder / "generator.safetensors")["networks"]["generator"]
    spec = {name: described[name] for name in ("family", "block", "n_blocks", "in_channels", "out_channels")}
    write_card(
        folder,
        {
            "digest": checkpoint.digest,
            "direction": "AtoB",
            "generator": {**spec, "widths": list(checkpoint.generator.spec.widths)},
            "image_size": [32, 32],
            "input": {"dtype": "float32", "layout": "NCHW", "range": [-1, 1]},
            "forms": listed,
            "metric": {"name": "untrained-conv3-v1", "value": 2.5},
            "sources": {"checkpoint": "c" * 64},
        },
    )


def _read_export(folder: Path) -> object:
    card = read_card(folder)
    for variant in card_variants(folder, card):
        check_files(folder, variant)
    return card, read_checkpoint(folder / "generator.safetensors").digest


def _make_run(folder: Path) -> None:
    run = RunDirectory(folder / "run", SETTINGS)
    with run.opened(restart=False):
        run.save_state({"step": 4, "finished": None}, {"a": np.arange(30, dtype=np.float32)})
        for step in range(1, 8):
            run.log({"step": step, "epoch": 0, "losses": {"feature": 0.5 / step}})


def _read_run(folder: Path) -> object:
    run = RunDirectory(folder / "run", SETTINGS)
    with run.opened(restart=False):
        run.cut_log(4)
        facts, tensors = run.load_state()
        return facts, {name: array.tolist() for name, array in tensors.items()}


def _foreign(name: str) -> Kind:
    """Other programs' files have no checksums: what is read from a damaged one may be anything."""
    return Kind(
        "file",
        lambda folder: shutil.copy(GOLDEN / name, folder / "file"),
        lambda folder: read_networks(folder / "file"),
        lambda found, written: True,
    )


KINDS = {
    "checkpoint": Kind("file", _make_checkpoint, _read_checkpoint),
    "results": Kind(
        "file", _make_results, lambda f: (lambda r: (r.digest, r.facts, list(r)))(read_results(f / "file"))
    ),
    "journal": Kind("file", _make_journal, _read_journal, _is_part),
    "latencies": Kind("file", _make_latencies, _read_latencies, lambda found, all: all[: len(found)] == found),
    "statistics": Kind("file", _make_statistics, _read_statistics),
    "card": Kind(CARD, _make_export, _read_export),
    "onnx graph": Kind("onnx/generator.onnx", _make_export, _read_export),
    "openvino graph": Kind("openvino/generator.xml", _make_export, _read_export),
    "paddle graph": Kind("paddle/generator.json", _make_export, _read_export),
    "paddle weights": Kind("paddle/generator.pdiparams", _make_export, _read_export),
    "exported checkpoint": Kind("generator.safetensors", _make_export, _read_export),
    "settings": Kind(f"run/{SETTINGS_FILE}", _make_run, _read_run),
    "log": Kind(f"run/{LOG_FILE}", _make_run, _read_run),
    "state": Kind(f"run/{STATE_FILE}", _make_run, _read_run),
    "pth": _foreign("foreign-mobile-zip.pth"),
    "legacy pth": _foreign("foreign-resnet-legacy.pth"),
    "pdparams": _foreign("foreign-paddlegan.pdparams"),
    **BROUGHT,
}
# A damaged file of these changes nothing: the run goes on from its state.
NEVER_REFUSED = ("settings", "log")
