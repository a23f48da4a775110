"""Checkpoints that are refused, each by the name of what is wrong in it: truncated, damaged, impossible content."""

import os

import numpy as np
import pytest
from helpers.checkpoint_files import is_readable, metadata_of, refused, rewritten
from helpers.support import make_checkpoint
from safetensors import numpy as safetensors_numpy

from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import (
    read_checkpoint,
    write_checkpoint,
)
from ganc.files.tensors import write_tensors


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
    assert "is the saved state of a run, no generator" in refused(path)
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


def _places(members, *outer):
    """Yield the place of every member that is no object, as the names that lead to it."""
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _places(value, *outer, name)
        else:
            yield (*outer, name)


def test_a_member_of_another_kind_is_refused_wherever_it_is(path):
    """An object is wrong in place of any text, number or list. What a training notes is free, and left out."""
    whole = path.read_bytes()
    places = [place for place in _places(metadata_of(path)) if place[0] not in ("checksum", "format", "training")]
    assert len(places) > 30
    for *outer, name in places:
        path.write_bytes(whole)
        changed = inner = metadata_of(path)
        for step in outer:
            inner = inner[step]
        inner[name] = {}
        rewritten(path, metadata=changed)
        message = refused(path)
        assert any(step in message for step in (*outer, name, "Spec: ")), message


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
