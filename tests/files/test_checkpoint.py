"""The checkpoint file: what comes back from it, equal bytes for equal content, and what is refused in which words."""

import dataclasses
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from helpers.support import assert_equal_states, generator_spec, make_checkpoint, random_state
from safetensors import numpy as safetensors_numpy

from ganc.base.atomic import WriteError
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import (
    Checkpoint,
    flatten_networks,
    read_checkpoint,
    require_stage,
    write_checkpoint,
)
from ganc.files.tensors import write_tensors
from ganc.models.convolutions import NetworkState
from ganc.models.generator import Generator
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec
from ganc.models.task import CYCLEGAN
from ganc.system.runtime import paddle

GOLDEN, GOLDEN_1 = (Path(__file__).parents[1] / "golden" / f"checkpoint-v{version}.safetensors" for version in (2, 1))
GOLDEN_DIGEST = "08a77f532278b3b3dcb2c8af4abf5ae7fde085a1634b765edd4b68d372545627"


def parts_of(path):
    """Return a safetensors file's header (JSON) and its data, read by the format's definition alone."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def metadata_of(path):
    return json.loads(parts_of(path)[0]["__metadata__"]["ganc"])


def rewritten(path, *, metadata=None, tensors=None, drop=()):
    """Write the file's content again with other metadata or tensors, as another program might."""
    content = metadata_of(path) | (metadata or {})
    for name in ("checksum", *drop):
        del content[name]
    write_tensors(path, content, safetensors_numpy.load_file(path) | (tensors or {}))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, make_checkpoint("replace", 4))
    return path


def is_readable(path):
    try:
        read_checkpoint(path)
    except FileFormatError:
        return False
    return True


def refused(path):
    """Return the one-line message with which the file is refused."""
    with pytest.raises(FileFormatError) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


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


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    assert "ganc-checkpoint" in refused(tmp_path / "absent")
    assert "folder" in refused(tmp_path).removeprefix(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_must_not_be_read_is_refused(path):
    path.chmod(0)
    refused(path)


@pytest.mark.paddle26
def test_another_version_is_refused_with_both_numbers(path):
    for version in (3, 0, None, "1.5"):
        rewritten(path, metadata={"version": version})
        assert f"version {version}, this ganc reads version 1 and 2" in refused(path)


def test_files_of_other_kinds_are_refused_by_name(path, tmp_path):
    rewritten(path, metadata={"format": "ganc-run-state"})
    assert "ganc-run-state" in refused(path)
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(safetensors_numpy.save({"x": np.zeros(3, np.float32)}))
    assert "without 'ganc' metadata" in refused(foreign)
    foreign.write_bytes(safetensors_numpy.save({"x": np.zeros(3)}, metadata={"ganc": "{no json"}))
    assert "no JSON" in refused(foreign)
    for content in (b"", b"a letter to mother\n" * 9, b"\x89HDF\r\n\x1a\n" + bytes(600), b"\x00" * 64, b"\xff" * 64):
        foreign.write_bytes(content)
        assert "ganc-checkpoint" in refused(foreign)


def test_a_truncated_file_is_refused_wherever_it_ends(path):
    content = path.read_bytes()
    ends = {
        0,
        1,
        7,
        8,
        9,
        len(content) - 1,
        len(content) - 4,
        *np.linspace(0, len(content) - 1, 60, dtype=int).tolist(),
    }
    for end in sorted(ends):
        path.write_bytes(content[:end])
        assert "truncated" in refused(path)
    path.write_bytes(content + b"more")
    refused(path)


def test_damaged_metadata_is_refused_or_read_but_never_breaks_the_reader(path):
    """Single bytes of the header change; a reader may only accept the file or raise its own error."""
    content = path.read_bytes()
    start = content.index(b"__metadata__")
    draws = keyed_generator(0, "damage")
    for _ in range(400):
        damaged = bytearray(content)
        damaged[int(draws.integers(start, start + 2500))] = int(draws.integers(32, 127))
        path.write_bytes(damaged)
        if not is_readable(path):
            refused(path)


@pytest.mark.parametrize("name", ["stage", "task", "direction", "networks"])
def test_metadata_that_lacks_something_is_refused_by_its_name(path, name):
    rewritten(path, drop=[name])
    assert f"'{name}'" in refused(path)


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"direction": "AtoC"}, "'AtoC'"),
        ({"task": {"pairing": "wild"}}, "task: "),
        ({"task": 3}, ""),
        ({"networks": {}}, "generator"),
        ({"networks": []}, ""),
        ({"networks": {"generator": None}}, ""),
        ({"networks": {"generator": {"widths": 4}}}, ""),
        ({"networks": {"generator": {"widths": ["a"] * 8}}}, "widths"),
        ({"networks": {"generator": {"widths": [4] * 8, "colour": 1}}}, "'colour'"),
        ({"networks": {"generator": {"widths": [4] * 8, "family": ["resnet"]}}}, ""),
        ({"networks": {"generator": {"widths": [4] * 8, "dropout": "much"}}}, ""),
        ({"training": 3}, ""),
        ({"sources": [1]}, ""),
    ],
)
def test_metadata_with_impossible_values_is_refused(path, metadata, named):
    rewritten(path, metadata=metadata)
    assert named in refused(path)


@pytest.mark.paddle26
def test_a_missing_tensor_a_wrong_shape_and_a_wrong_type_are_named(path):
    content = path.read_bytes()
    name = "generator.stages.1.conv.bias"
    tensors = safetensors_numpy.load_file(path)
    write_tensors(path, metadata_of(path), {key: array for key, array in tensors.items() if key != name})
    assert "stages.1.conv.bias" in refused(path)
    for changed, (found, expected) in (
        (np.zeros(9, np.float32), ("[9]", "[8]")),
        (np.zeros((8, 1), np.float32), ("[8, 1]", "[8]")),
        (np.zeros(8, np.float64), ("float64", "float32")),
        (np.zeros(8, np.int32), ("int32", "float32")),
    ):
        path.write_bytes(content)
        rewritten(path, tensors={name: changed})
        message = refused(path)
        assert "stages.1.conv.bias" in message
        assert found in message
        assert expected in message


def test_a_tensor_that_belongs_to_no_layer_of_a_known_network_is_refused(path):
    rewritten(path, tensors={"generator.stages.9.conv.bias": np.zeros(3, np.float32)})
    assert "stages.9.conv.bias" in refused(path)


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


@pytest.mark.parametrize(
    ("network", "values", "name"),
    [
        ("generator", {"n_blocks": 300_000_000}, "n_blocks"),
        ("generator", {"n_blocks": 3 * 10**20}, "n_blocks"),
        ("generator", {"widths": [10**9] * 8}, "widths"),
        ("generator", {"in_channels": 10**12}, "channels"),
        ("discriminator", {"n_layers": 10**9}, "n_layers"),
        ("discriminator", {"width": 10**9}, "width"),
        ("adaptors", {"in_channels": [1] * 100_000, "out_channels": [1] * 100_000}, "adaptors"),
    ],
)
def test_a_spec_that_declares_a_huge_network_is_refused_at_once(tmp_path, network, values, name):
    path = tmp_path / "c"
    write_checkpoint(path, make_checkpoint("distill", 4))
    networks = metadata_of(path)["networks"]
    rewritten(path, metadata={"networks": networks | {network: networks[network] | values}})
    message = refused(path)
    assert f"{name} (=" in message
    assert "at most" in message


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"stage": 3}, "'stage' is 3"),
        ({"direction": ["AtoB"]}, "'direction' is a list"),
        ({"task": []}, "'task' is a list"),
        ({"networks": {"generator": []}}, "'networks.generator' is a list"),
        ({"training": {"image_size": 32}}, "'training.image_size' is 32"),
        ({"training": {"image_size": [32, "32"]}}, "training.image_size"),
        ({"training": {"image_size": [32, 10**9]}}, "training.image_size"),
        ({"training": {"metric": 3}}, "'training.metric' is 3"),
        ({"training": {"metric": {"name": "x"}}}, "'training.metric.value'"),
        ({"training": {"metric": {"name": "x", "value": "low"}}}, "'training.metric.value'"),
        ({"training": {"space": [1]}}, "'training.space' is a list"),
        ({"sources": {"teacher": 3}}, "'sources.teacher' is 3"),
    ],
)
def test_a_member_of_a_wrong_type_is_named(path, metadata, words):
    rewritten(path, metadata=metadata)
    assert words in refused(path)


def test_metadata_nested_too_deeply_are_refused(path):
    for depth in (100, 20_000):
        nested = "[" * depth + "]" * depth
        safetensors_numpy.save_file({"x": np.zeros(1)}, path, metadata={"ganc": f'{{"training": {nested}}}'})
        assert "nested" in refused(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_by_name(path, value):
    bias = np.zeros(8, np.float32)
    bias[3] = value
    rewritten(path, tensors={"generator.stages.1.conv.bias": bias})
    assert "generator.stages.1.conv.bias" in refused(path)


def content_of(path):
    checkpoint = read_checkpoint(path)
    return checkpoint.digest, checkpoint.stage, checkpoint.task, checkpoint.training, checkpoint.sources


def test_content_that_is_not_what_was_written_is_refused(path):
    """Single bytes change anywhere: the file is refused by name, or what comes back is what was written."""
    whole, expected = path.read_bytes(), content_of(path)
    draws = keyed_generator(0, "test/content")
    refusals = 0
    for number in range(600):
        damaged = bytearray(whole)
        place = int(draws.integers(len(whole) if number % 2 else whole.index(b"generator.stages") + 2000))
        damaged[place] ^= int(draws.integers(1, 256))
        path.write_bytes(damaged)
        if is_readable(path):
            assert content_of(path) == expected, place
        else:
            refused(path)
            refusals += 1
    assert refusals > 550


def test_a_changed_number_or_fact_is_told_by_the_checksum(path):
    whole = path.read_bytes()
    for before, after in ((b'\\"steps\\":0', b'\\"steps\\":7'), (whole[-4:], b"\x00\x00\x80\x3f")):
        assert whole.count(before) == 1
        path.write_bytes(whole.replace(before, after))
        assert "checksum" in refused(path)
    path.write_bytes(whole.replace(b'\\"version\\":2', b'\\"version\\":1').replace(before, after))
    assert "checksum" in refused(path)


def test_a_file_of_version_2_needs_its_checksum(path):
    path.write_bytes(path.read_bytes().replace(b"checksum", b"chequsum"))
    assert "'checksum'" in refused(path)
