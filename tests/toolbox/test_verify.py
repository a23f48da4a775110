"""`ganc inspect --verify`: a file is what was written, and was made from the files that are named with it."""

import shutil
from pathlib import Path

import pytest
from helpers.cards import change_card
from helpers.stages import json_of, refusal
from helpers.support import SIZE, UNTRAINED_SET, succeed

from ganc.files.checkpoint import read_checkpoint


def test_a_whole_chain_is_sound(chain):
    files = (chain.export, chain.finetune, chain.supernet, chain.distill, chain.replace)
    told = json_of("ganc", "inspect", "--verify", *files)
    assert [one["file"] for one in told["files"]] == [str(path) for path in files]
    assert told["files"][1]["digest"] == read_checkpoint(chain.finetune).digest
    links = {(link["of"], link["role"]): link["ancestor"] for link in told["ancestors"]}
    assert links[str(chain.export), "checkpoint"] == str(chain.finetune)
    assert links[str(chain.finetune), "supernet"] == str(chain.supernet)
    assert links[str(chain.supernet), "student"] == str(chain.distill)
    assert links[str(chain.distill), "teacher"] == str(chain.replace)
    assert None not in links.values()
    said = succeed("ganc", "inspect", "--verify", *files).stdout
    assert f"{chain.finetune}: its supernet" in said


def test_ancestors_that_are_not_given_are_said(chain):
    told = json_of("ganc", "inspect", "--verify", chain.finetune)
    assert {link["role"]: link["ancestor"] for link in told["ancestors"]} == {"supernet": None, "teacher": None}
    assert "not among these files" in succeed("ganc", "inspect", "--verify", chain.finetune).stdout


def test_results_statistics_and_states_are_checked(chain, tmp_path):
    told = json_of("ganc", "inspect", "--verify", chain.search, chain.supernet)
    assert told["ancestors"][0]["ancestor"] == str(chain.supernet)
    succeed("ganc", "stats", "--data", chain.data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "real.npz")
    for path in (tmp_path / "real.npz", chain.folder / "distill.safetensors.run"):
        succeed("ganc", "inspect", "--verify", path)


def test_a_file_that_is_no_ancestor_is_named(chain):
    said = refusal("ganc", "inspect", "--verify", chain.distill, chain.supernet)
    assert said.startswith(f"{chain.supernet}: ")
    assert str(chain.distill) in said
    assert "--verify" in refusal("ganc", "inspect", chain.distill, chain.replace, status=2)


def test_the_file_that_a_network_was_imported_from_is_its_ancestor(tmp_path):
    from helpers.foreign_networks import generator_chain, tensors
    from safetensors.numpy import save_file

    golden = tmp_path / "foreign.safetensors"
    save_file(tensors(generator_chain((1,) * 8, "resnet", 3, False)), golden)
    succeed("ganc", "import", golden, "-o", tmp_path / "own")
    told = json_of("ganc", "inspect", "--verify", tmp_path / "own", golden)
    assert [link["ancestor"] for link in told["ancestors"]] == [str(golden)]


def test_a_file_without_a_checksum_is_not_called_sound(chain, tmp_path):
    golden = Path(__file__).parents[1] / "golden"
    told = json_of("ganc", "inspect", "--verify", golden / "checkpoint-v1.safetensors")
    assert "no checksum" in told["files"][0]["content"]
    assert "no checksum" in succeed("ganc", "inspect", "--verify", golden / "checkpoint-v1.safetensors").stdout
    assert "no checksum" in succeed("ganc", "inspect", "--verify", golden / "results-v1.h5").stdout
    for proven in (golden / "checkpoint-v2.safetensors", golden / "results-v2.h5", chain.export):
        assert json_of("ganc", "inspect", "--verify", proven)["files"][0]["content"] == "sound"
    folder = of_first_version(chain.export, tmp_path / "export")
    assert "no checksum" in json_of("ganc", "inspect", "--verify", folder)["files"][0]["content"]


def test_a_card_of_the_first_version_whose_model_is_gone_is_refused_by_the_folder_s_name(chain, tmp_path):
    folder = of_first_version(chain.export, tmp_path / "export")
    shutil.rmtree(folder / "paddle")
    image = next((chain.data / "testA").iterdir())
    for command in (("inspect", "--verify", folder), ("translate", folder, image, "-o", tmp_path / "out.png")):
        assert refusal("ganc", *command).startswith(f"{folder / 'paddle'}: no such folder")


def of_first_version(exported, folder):
    """Copy an exported folder, with a card that lists no variants and no digests."""
    shutil.copytree(exported, folder)
    change_card(folder, without=("forms", "files"), version=1)
    return folder


@pytest.mark.parametrize("name", ["onnx", "card", "generator.safetensors"])
def test_an_exported_folder_that_was_changed_is_refused(chain, tmp_path, name):
    folder = tmp_path / "export"
    shutil.copytree(chain.export, folder)
    succeed("ganc", "inspect", "--verify", folder)
    if name == "card":
        change_card(folder, digest="0" * 64)
    else:
        path = folder / name if (folder / name).exists() else next((folder / "paddle").iterdir())
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    said = refusal("ganc", "inspect", "--verify", folder)
    assert said.startswith(str(folder))
    assert "digest" in said
