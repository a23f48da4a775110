"""The checkpoint file: what comes back from it, equal bytes for equal content, and what is never written."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.checkpoint_files import metadata_of, parts_of, rewritten
from helpers.support import assert_equal_states, generator_spec, make_checkpoint, random_state

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, RunError, SpecError
from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import (
    Checkpoint,
    flatten_networks,
    read_checkpoint,
    require_stage,
    write_checkpoint,
)
from ganc.models.convolutions import NetworkState
from ganc.models.generator import Generator
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN
from ganc.system.runtime import paddle

GOLDEN, GOLDEN_1 = (Path(__file__).parents[1] / "golden" / f"checkpoint-v{version}.safetensors" for version in (2, 1))
GOLDEN_DIGEST = "08a77f532278b3b3dcb2c8af4abf5ae7fde085a1634b765edd4b68d372545627"


@pytest.mark.paddle26
@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_a_checkpoint_saved_and_loaded_gives_bit_equal_output(tmp_path, block):
    written = make_checkpoint("distill", 6, block=block)
    write_checkpoint(tmp_path / "c.safetensors", written)
    again = read_checkpoint(tmp_path / "c.safetensors")
    x = paddle.to_tensor(keyed_generator(0, "x").uniform(-1, 1, (2, 3, 24, 20)).astype(np.float32))
    outputs = []
    for checkpoint in (written, again):
        with paddle.no_grad():
            outputs.append(Generator.from_state(checkpoint.generator)(x).numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])


@pytest.mark.paddle26
def test_everything_comes_back(tmp_path):
    written = dataclasses.replace(
        make_checkpoint(
            "replace", training={"note": "馬", "metric": {"name": "m", "value": 0.1 + 0.2}}, direction="BtoA"
        ),
        task=dataclasses.replace(CYCLEGAN, cycle_weight=0.1),
        sources={"teacher": "a" * 64},
    )
    write_checkpoint(tmp_path / "new" / "Größe 馬", written)
    again = read_checkpoint(tmp_path / "new" / "Größe 馬")
    assert set(again.networks) == {"generator", "discriminator", "generator_b", "discriminator_b"}
    for name, state in written.networks.items():
        assert_equal_states(again.networks[name], state)
    for field in ("stage", "task", "direction", "training", "sources", "digest"):
        assert getattr(again, field) == getattr(written, field)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["Größe 馬"]


@pytest.mark.paddle26
def test_equal_checkpoints_give_equal_bytes_in_whatever_order_they_were_put_together(tmp_path):
    one = make_checkpoint("replace", training={"a": 1, "b": 2})
    other = dataclasses.replace(
        one,
        networks={
            name: NetworkState(state.spec, dict(reversed(state.tensors.items())))
            for name, state in reversed(one.networks.items())
        },
        training=dict(reversed(one.training.items())),
    )
    for index, checkpoint in enumerate((one, other, one)):
        write_checkpoint(tmp_path / str(index), checkpoint)
    contents = {file.read_bytes() for file in tmp_path.iterdir()}
    assert len(contents) == 1
    assert one.digest == other.digest


def test_the_metadata_is_one_key_of_sorted_json_without_place_and_time(path):
    header, _ = parts_of(path)
    assert list(header["__metadata__"]) == ["ganc"]
    text = header["__metadata__"]["ganc"]
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert (content["format"], content["version"]) == ("ganc-checkpoint", 2)
    assert sorted(content) == [
        *("checksum", "direction", "format", "networks", "sources", "stage", "task", "training", "version"),
    ]
    assert str(path.parent) not in text


def test_tensors_are_named_by_network_and_stored_as_float32(path):
    header, _ = parts_of(path)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    assert {name.partition(".")[0] for name in tensors} == {
        *("generator", "generator_b", "discriminator", "discriminator_b"),
    }
    assert {entry["dtype"] for entry in tensors.values()} == {"F32"}
    assert tensors["generator.stages.0.conv.weight"]["shape"] == [4, 3, 7, 7]


def test_the_digest_covers_tensors_and_specs_and_nothing_else():
    checkpoint = make_checkpoint("distill", 4)
    state = checkpoint.generator
    nudged = {name: array.copy() for name, array in state.tensors.items()}
    nudged["stages.7.output.bias"][0] += 1e-6
    widths_swapped = dataclasses.replace(state.spec, dropout=0.5)
    digests = {
        checkpoint.digest,
        *(
            dataclasses.replace(checkpoint, networks={**checkpoint.networks, "generator": changed}).digest
            for changed in (NetworkState(state.spec, nudged), NetworkState(widths_swapped, state.tensors))
        ),
        dataclasses.replace(checkpoint, networks={"generator": state}).digest,
    }
    assert len(digests) == 4
    assert (
        dataclasses.replace(checkpoint, stage="finetune", training={}, sources={"x": "y"}).digest == checkpoint.digest
    )


@pytest.mark.paddle26
@pytest.mark.parametrize("golden", [GOLDEN_1, GOLDEN])
def test_the_golden_files_stay_readable(golden):
    checkpoint = read_checkpoint(golden)
    assert checkpoint.digest == GOLDEN_DIGEST
    assert (checkpoint.stage, checkpoint.direction, checkpoint.task) == ("replace", "BtoA", CYCLEGAN)
    assert checkpoint.generator.spec == GeneratorSpec(widths=(1, 1, 1, 2, 1, 1, 1, 2), n_blocks=3)
    assert checkpoint.networks["generator_b"].spec.block == "resnet"
    assert checkpoint.networks["discriminator_b"].spec == DiscriminatorSpec(width=2, n_layers=1)
    assert checkpoint.networks["adaptors"].spec.out_channels == (4, 4, 4, 4)
    assert checkpoint.training["note"] == "Pferde-Größe 馬"
    assert checkpoint.training["metric"]["value"] == 2.5
    assert checkpoint.sources == {"init_from": "5" * 64}
    stem = checkpoint.generator.tensors["stages.0.conv.weight"]
    np.testing.assert_array_equal(stem.ravel(), (np.arange(147) % 129 / 64 - 1).astype(np.float32))


@pytest.mark.paddle26
def test_version_2_is_still_written_byte_for_byte_whatever_version_was_read(tmp_path):
    for golden in (GOLDEN_1, GOLDEN):
        write_checkpoint(tmp_path / "again", read_checkpoint(golden))
        assert (tmp_path / "again").read_bytes() == GOLDEN.read_bytes()


def test_the_files_of_both_versions_differ_in_version_and_checksum_alone():
    (first, first_data), (second, second_data) = parts_of(GOLDEN_1), parts_of(GOLDEN)
    assert first_data == second_data
    assert metadata_of(GOLDEN_1) | {"version": 2, "checksum": metadata_of(GOLDEN)["checksum"]} == metadata_of(GOLDEN)
    del first["__metadata__"], second["__metadata__"]
    assert first == second


@pytest.mark.paddle26
def test_optional_members_that_it_does_not_know_are_passed_over(path):
    before = read_checkpoint(path)
    networks = metadata_of(path)["networks"] | {"critic": {"depth": 3}}
    rewritten(
        path,
        metadata={"networks": networks, "colour": "blue"},
        tensors={"critic.weight": np.zeros((2, 2), np.float64), "average.generator": np.zeros(1, np.float32)},
    )
    after = read_checkpoint(path)
    assert set(after.networks) == set(before.networks)
    assert after.digest == before.digest


def test_what_is_optional_may_be_absent(path):
    rewritten(path, drop=["training", "sources"])
    checkpoint = read_checkpoint(path)
    assert checkpoint.training == checkpoint.sources == {}


def test_a_checkpoint_turns_to_face_the_other_direction():
    checkpoint = make_checkpoint("replace", 4)
    assert checkpoint.facing("AtoB", Path("c")) is checkpoint
    turned = checkpoint.facing("BtoA", Path("c"))
    assert turned.direction == "BtoA"
    assert turned.generator is checkpoint.networks["generator_b"]
    assert turned.networks["generator_b"] is checkpoint.generator
    assert turned.networks["discriminator"] is checkpoint.networks["discriminator_b"]
    assert turned.networks["discriminator_b"] is checkpoint.networks["discriminator"]
    assert turned.facing("AtoB", Path("c")).digest == turned.digest == checkpoint.digest  # of one file


def test_a_checkpoint_of_one_direction_cannot_turn_and_says_what_to_do():
    with pytest.raises(FileFormatError, match=r"c: .*AtoB.*--direction AtoB"):
        make_checkpoint("distill", 4).facing("BtoA", Path("c"))


def test_adaptors_stay_behind_when_it_turns():
    both = make_checkpoint("replace", 4)
    adaptors = make_checkpoint("distill", 4).networks["adaptors"]
    turned = dataclasses.replace(both, networks={**both.networks, "adaptors": adaptors}).facing("BtoA", Path("c"))
    assert set(turned.networks) == set(both.networks)


def test_a_checkpoint_of_another_stage_is_refused_with_both_names():
    checkpoint = make_checkpoint("distill", 4)
    require_stage(checkpoint, Path("c"), ("distill", "supernet"), "--student")
    with pytest.raises(FileFormatError, match=r"c: .*ganc-distill.*ganc-supernet.*--supernet"):
        require_stage(checkpoint, Path("c"), ("supernet",), "--supernet")


def test_an_older_checkpoint_stays_when_writing_fails(path, tmp_path):
    before = path.read_bytes()
    impossible = make_checkpoint("replace", 4, training={"metric": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        write_checkpoint(path, impossible)
    with pytest.raises(WriteError, match="below"):
        write_checkpoint(path / "below", make_checkpoint("replace", 4))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_a_generator_alone_is_enough(tmp_path):
    state = random_state(generator_spec(4))
    alone = Checkpoint(stage="export", task=CYCLEGAN, direction="AtoB", networks={"generator": state})
    write_checkpoint(tmp_path / "c", alone)
    assert_equal_states(read_checkpoint(tmp_path / "c").generator, state)
    assert all(name.startswith("generator.") for name in flatten_networks(alone.networks))


def test_a_state_s_tensors_may_be_views(tmp_path):
    state = random_state(generator_spec(4))
    views = {name: np.asfortranarray(array) for name, array in state.tensors.items()}
    for name, tensors in (("a", state.tensors), ("b", views)):
        networks = {"generator": NetworkState(state.spec, tensors)}
        write_checkpoint(tmp_path / name, Checkpoint(stage="x", task=CYCLEGAN, direction="AtoB", networks=networks))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_narrower_state_is_cut_from_the_leading_channels():
    state = random_state(generator_spec(8))
    narrow = state.leading(state.spec.narrowed((4,) * 8))
    np.testing.assert_array_equal(
        narrow.tensors["stages.6.conv.weight"], state.tensors["stages.6.conv.weight"][:16, :8]
    )
    with pytest.raises(SpecError, match="exceed"):
        state.spec.narrowed((9,) * 8)


@pytest.mark.parametrize("network", ["generator", "discriminator_b"])
def test_numbers_that_are_not_finite_are_not_written(path, network):
    before, checkpoint = path.read_bytes(), make_checkpoint("replace", 4)
    name, tensor = next(iter(checkpoint.networks[network].tensors.items()))
    tensor.ravel()[1] = np.nan
    with pytest.raises(RunError, match=f"{path}.*{network}.{name}.*--lr"):
        write_checkpoint(path, checkpoint)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
