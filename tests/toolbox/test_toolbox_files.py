"""`ganc profile`, `inspect`, `select` and `merge` through the command."""

import itertools
import json
import math
import re

import pytest
from helpers.published_costs import TABLE
from helpers.search_rows import changed, eight_rows, make_results, make_row
from helpers.stages import json_of, macs_by_hand, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED_SET, generator_spec, make_checkpoint, run_command, succeed

from ganc.base.text import format_count
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.files.tensors import write_tensors
from ganc.models.family import format_widths
from ganc.results.hdf5 import read_results, write_results


def rounds_to(value, expected):
    """Whether a value, written with as many digits, is the expected one."""
    digits = len(str(expected).partition(".")[2])
    return round(value, digits) == pytest.approx(expected)


@pytest.mark.paddle26
@pytest.mark.parametrize(("widths", "block", "macs", "params", "device_macs"), TABLE)
def test_profile_gives_the_published_table(widths, block, macs, params, device_macs):
    costs = json_of("ganc", "profile", "--widths", widths, "--block", block)
    assert costs.keys() == {"macs", "device_macs", "params"}
    assert rounds_to(costs["macs"] / 1e9, macs)
    assert rounds_to(costs["params"] / 1e6, params)
    assert device_macs is None or rounds_to(costs["device_macs"] / 1e9, device_macs)
    assert costs["macs"] == macs_by_hand(widths, 256, 9, block)


def test_profile_of_another_size_and_depth():
    costs = json_of("ganc", "profile", "--widths", "8", "--n-blocks", 6, "--size", "64")
    assert costs["macs"] == macs_by_hand("8", 64, 6)
    tall = json_of("ganc", "profile", "--widths", "8", "--n-blocks", 6, "--size", "32x128")
    assert tall == costs
    said = succeed("ganc", "profile", "--widths", "16_16_32_16_32_32_16_16").stdout
    assert "2.53 G" in said
    assert "356.87 k" in said


@pytest.mark.parametrize("old", [("--image-size", "64"), ("--image-size=64",)])
def test_profile_s_size_keeps_its_old_name_and_says_the_new_one(old):
    arguments = ("ganc", "profile", "--widths", "8", "--n-blocks", 6, "--json")
    told = succeed(*arguments, *old)
    assert told.stdout == succeed(*arguments, "--size", 64).stdout
    (line,) = told.stderr.splitlines()
    assert "--image-size" in line
    assert "--size" in line


def test_profile_refuses_what_is_no_generator():
    assert "'8_8'" in refusal("ganc", "profile", "--widths", "8_8", status=2)
    assert "'--widths'" in refusal("ganc", "profile", status=2)
    said = refusal("ganc", "profile", "--widths", "8", "--n-blocks", 4, status=2)
    assert "multiple of 3" in said


def lines_of(path):
    """Return what inspect prints for people, by name."""
    return dict(line.split(maxsplit=1) for line in succeed("ganc", "inspect", path).stdout.splitlines())


@pytest.mark.paddle26
def test_inspect_a_checkpoint(chain):
    told = json_of("ganc", "inspect", chain.finetune)
    checkpoint = read_checkpoint(chain.finetune)
    assert (told["format"], told["stage"], told["direction"]) == ("ganc-checkpoint", "finetune", "AtoB")
    assert told["digest"] == checkpoint.digest
    assert told["training"] == checkpoint.training
    assert told["sources"] == checkpoint.sources
    generator = told["networks"]["generator"]
    spec = checkpoint.generator.spec
    assert generator["widths"] == format_widths(spec.widths)
    assert generator["macs"] == macs_by_hand(spec.widths, SIZE)
    assert generator["params"] == sum(tensor.size for tensor in checkpoint.generator.tensors.values())
    assert set(told["networks"]) == {"generator", "discriminator", "adaptors"}
    lines = lines_of(chain.finetune)
    assert lines["networks.generator.widths"] == format_widths(spec.widths)
    assert lines["training.image_size"] == "32x32"


def test_inspect_search_results(chain):
    told = json_of("ganc", "inspect", chain.search)
    results = read_results(chain.search)
    assert (told["format"], told["subnets"], told["metric"]) == ("ganc-search-results", 32, "untrained-conv3-v1")
    assert told["digest"] == results.digest
    assert told["supernet_digest"] == read_checkpoint(chain.supernet).digest
    assert told["facts"]["subset"] == "searchA"
    macs = [row.macs for row in results]
    assert told["macs"] == [min(macs), max(macs)]
    assert lines_of(chain.search)["image_size"] == "32x32"


def test_inspect_says_counts_as_people_read_them_wherever_they_stand(tmp_path):
    facts = {"budget": {"max_macs": 40_000_000, "max_params": None}}
    write_results(tmp_path / "search.h5", make_results([make_row((2,) * 8)], facts=facts))
    assert lines_of(tmp_path / "search.h5")["facts.budget.max_macs"] == "40.00 M"
    assert json_of("ganc", "inspect", tmp_path / "search.h5")["facts"]["budget"] == facts["budget"]


def test_inspect_statistics_a_run_s_state_and_an_export(chain, tmp_path):
    succeed("ganc", "stats", "--data", chain.data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "real.npz")
    told = json_of("ganc", "inspect", tmp_path / "real.npz")
    assert (told["feature_set"], told["images"], told["image_size"]) == ("untrained-conv3-v1", 10, [32, 32])
    assert told["verified"] is True
    assert lines_of(tmp_path / "real.npz")["dimensions"] == str(told["dimensions"])

    state = chain.folder / "distill.safetensors.run" / "state.safetensors"
    told = json_of("ganc", "inspect", state)
    assert (told["format"], told["step"]) == ("ganc-run-state", 3)
    assert told["finished"] == read_checkpoint(chain.distill).digest
    assert lines_of(state)["step"] == "3"

    told = json_of("ganc", "inspect", chain.export)
    card = json.loads((chain.export / "model.json").read_text())
    assert told == {name: value for name, value in card.items() if name != "checksum"}
    assert json_of("ganc", "inspect", chain.export / "model.json") == told
    lines = lines_of(chain.export)
    assert lines["costs.macs"] == format_count(told["costs"]["macs"])
    assert lines["digest"] == f"{card['digest'][:16]}…"
    assert lines["forms.paddle-f32.metric"] == "none"
    assert not re.search(r"[{}\[\]]|None|True|False|[0-9a-f]{64}", "".join(lines.values()))


def test_a_card_is_read_as_its_folder_and_named_so(chain, tiny_data, tmp_path):
    card = chain.export / "model.json"
    for command in (("ganc-distill", "--teacher", card, "--data", tiny_data), ("ganc-export", "--checkpoint", card)):
        assert f"name its folder, {chain.export}" in refusal(*command, "-o", tmp_path / "out")
    image = next((tiny_data / "testA").glob("*.png"))
    succeed("ganc", "translate", card, image, "-o", tmp_path / "out.png")


def test_inspect_foreign_statistics(tmp_path):
    import numpy as np

    np.savez(tmp_path / "foreign.npz", mu=np.zeros(3), sigma=np.eye(3))
    assert json_of("ganc", "inspect", tmp_path / "foreign.npz")["format"] == "statistics of an unnamed feature set"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "no such file"),
        (b"", "is empty, expected a ganc-checkpoint"),
        (b"\x89PNG\r\n\x1a\n....", "is an image, expected a ganc-checkpoint"),
        (b"data: horses\nout: out\n", "is a text, expected a ganc-checkpoint"),
        (b"\x93NUMPY\x01\x00and more", "is of no kind that ganc knows, expected a ganc-checkpoint"),
        (b"a letter", "ganc-checkpoint"),
        (b"\x89HDF\r\n\x1a\n and no more", "truncated"),
        (b"PK\x05\x06" + bytes(18), "sigma"),
    ],
)
def test_inspect_refuses_other_files(tmp_path, content, named):
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    for options in ((), ("--json",)):
        said = refusal("ganc", "inspect", path, *options)
        assert said.startswith(f"{path}: ")
        assert named in said


def test_inspect_refuses_other_formats_and_versions(tmp_path):
    write_tensors(tmp_path / "other", {"format": "something", "version": 1}, {})
    assert "something" in refusal("ganc", "inspect", tmp_path / "other")
    write_tensors(tmp_path / "newer", {"format": "ganc-checkpoint", "version": 3}, {})
    assert "version 3" in refusal("ganc", "inspect", tmp_path / "newer")
    assert "model.json" in refusal("ganc", "inspect", tmp_path)


@pytest.fixture
def searched(tmp_path):
    """Twelve rows with metric and MACs drawn by hand; the sixth has no metric yet."""
    points = [(5, 9), (4, 8), (6, 7), (3, 10), (4, 6), (None, 1), (8, 2), (7, 4), (7, 5), (9, 3), (2, 12), (2, 11)]
    rows = [
        make_row(
            (index + 1,) * 3,
            macs=macs * 1000,
            params=100 * (index + 1),
            metrics={} if metric is None else {"untrained": metric},
        )
        for index, (metric, macs) in enumerate(points)
    ]
    write_results(tmp_path / "search.h5", make_results(rows))
    return tmp_path / "search.h5"


def selected(path, *options):
    return [(row["metrics"]["untrained"], row["macs"] // 1000) for row in json_of("ganc", "select", path, *options)]


def test_select_sorts_by_metric_and_then_by_macs(searched):
    everything = selected(searched)
    assert len(everything) == 11  # without the one that was not evaluated
    assert everything == sorted(everything)
    assert selected(searched, "--top", 3) == [(2, 11), (2, 12), (3, 10)]


def test_select_within_bounds(searched):
    assert selected(searched, "--max-macs", "6k") == [(4, 6), (7, 4), (7, 5), (8, 2), (9, 3)]
    assert selected(searched, "--max-macs", "6k", "--max-params", 800) == [(4, 6), (7, 4), (8, 2)]
    assert selected(searched, "--max-metric", 3) == [(2, 11), (2, 12), (3, 10)]


def test_select_the_pareto_front(searched):
    everything = selected(searched)
    front = [
        (metric, macs)
        for metric, macs in everything
        if not any(m <= metric and c <= macs and (m, c) != (metric, macs) for m, c in everything)
    ]
    assert selected(searched, "--pareto") == front == [(2, 11), (3, 10), (4, 6), (7, 4), (8, 2)]
    assert selected(searched, "--pareto", "--max-macs", "5k") == [(7, 4), (8, 2)]
    assert selected(searched, "--pareto", "--top", 1) == [(2, 11)]


def test_select_prints_a_table_for_people(searched, tmp_path):
    lines = succeed("ganc", "select", searched, "--top", 2).stdout.splitlines()
    assert lines[0].split() == ["widths", "MACs", "device", "MACs", "parameters", "untrained", "images"]
    assert [line.split()[0] for line in lines[2:]] == ["12_12_12", "11_11_11"]
    assert "2.0000" in lines[2]
    rows = [make_row((width,) * 3, metric=width) for width in range(1, 16)]
    write_results(tmp_path / "many.h5", make_results(rows))
    assert len(succeed("ganc", "select", tmp_path / "many.h5").stdout.splitlines()) == 2 + 10
    assert len(json_of("ganc", "select", tmp_path / "many.h5")) == 15


def test_select_reads_standard_input(searched):
    said = succeed("ganc", "select", "-", "--top", 1, "--json", stdin=searched.read_bytes())
    assert json.loads(said.stdout)[0]["widths"] == "12_12_12"
    assert "standard input was empty" in refusal("ganc", "select", "-", stdin=b"")


def test_json_has_no_numbers_that_json_lacks(searched):
    text = succeed("ganc", "select", searched, "--json").stdout
    assert "NaN" not in text
    assert not [row for row in json.loads(text) if not math.isfinite(row["metrics"]["untrained"])]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--max-macs", "500"), "--max-macs 500 (500)"),
        (("--max-metric", "1"), "smallest possible of the 12 sub-networks is 2 untrained"),
        (("--max-macs", "3k", "--max-metric", "7"), "--max-macs 3.00 k (3000) is 8 untrained"),
        (("--max-latency", "9"), "--max-latency"),
    ],
)
def test_select_says_the_smallest_possible(searched, options, named):
    assert named in refusal("ganc", "select", searched, *options)


def test_select_refuses_what_are_no_results(tmp_path):
    write_checkpoint(tmp_path / "checkpoint", make_checkpoint("distill", 4))
    assert "HDF5" in refusal("ganc", "select", tmp_path / "checkpoint")
    assert str(tmp_path / "absent") in refusal("ganc", "select", tmp_path / "absent")
    assert str(tmp_path) in refusal("ganc", "select", tmp_path, status=2)
    assert "'--max-metric'" in refusal("ganc", "select", tmp_path / "x", "--max-metric", "low", status=2)


@pytest.fixture
def shards(tmp_path):
    rows = eight_rows()
    for part in range(3):
        write_results(tmp_path / f"{part}.h5", make_results(rows[part::3], {"seed": 1, "strategy": "exhaustive"}))
    return [tmp_path / f"{part}.h5" for part in range(3)]


@pytest.mark.paddle26
def test_merge_in_any_order_gives_the_whole(shards, tmp_path):
    whole = make_results(eight_rows(), {"seed": 1, "strategy": "exhaustive"})
    write_results(tmp_path / "whole.h5", whole)
    for number, order in enumerate(itertools.permutations(shards)):
        out = tmp_path / f"merged{number}.h5"
        said = succeed("ganc", "merge", *order, "-o", out)
        assert out.read_bytes() == (tmp_path / "whole.h5").read_bytes()
        assert f"8 sub-networks of 3 files in {out}" in said.stderr
    succeed("ganc", "merge", *shards, shards[0], "-o", tmp_path / "twice.h5")
    assert (tmp_path / "twice.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


def test_merge_into_a_pipe_and_into_a_file(shards, tmp_path):
    done = run_command("ganc", "merge", *shards, "-o", "-")
    assert b"8 sub-networks of 3 files in standard output" in done.stderr
    succeed("ganc", "merge", *shards, "-o", tmp_path / "all.h5")
    assert (tmp_path / "all.h5").read_bytes() == done.stdout


def test_merge_refuses_other_searches_and_absent_files(shards, tmp_path):
    other = tmp_path / "other.h5"
    write_results(other, make_results(eight_rows(), identity=changed(space="channels-48")))
    with nothing_changes(tmp_path):
        said = refusal("ganc", "merge", *shards, other, "-o", tmp_path / "out.h5")
        assert re.search(f"{other}.*{shards[0]}.*space is channels-32 and channels-48", said)
        assert "absent.h5" in refusal("ganc", "merge", shards[0], tmp_path / "absent.h5", "-o", tmp_path / "out.h5")
        assert "argument" in refusal("ganc", "merge", "-o", tmp_path / "out.h5", status=2)
        said = refusal("ganc", "merge", *shards, "-o", shards[0] / "out.h5")
        assert str(shards[0] / "out.h5") in said


def test_a_spec_s_costs_are_what_inspect_tells(tmp_path):
    """Two ways to the same numbers: from widths, and from a checkpoint of those widths."""
    spec = generator_spec(6, n_blocks=6)
    write_checkpoint(tmp_path / "checkpoint", make_checkpoint("distill", 6, n_blocks=6))
    told = json_of("ganc", "inspect", tmp_path / "checkpoint")["networks"]["generator"]
    costs = json_of("ganc", "profile", "--widths", "6", "--n-blocks", 6, "--size", SIZE)
    assert {name: told[name] for name in costs} == costs == vars(spec.costs((SIZE, SIZE)))
