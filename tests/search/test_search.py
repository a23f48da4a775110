"""ganc-search through its command: which sub-networks it looks at, what its rows say, what it goes on from."""

import io
import json
import re

import numpy as np
import pytest
from helpers.agreement import assert_same_search
from helpers.stages import SPACE, json_of, listing, macs_by_hand, nothing_changes, refusal, widths_of_space
from helpers.support import SIZE, TINY_SPACE, UNTRAINED_SET, make_checkpoint, run_command, succeed

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.metrics.evaluation import Evaluation
from ganc.models.family import format_widths
from ganc.models.resnet import RESNET
from ganc.results.hdf5 import read_results

METRIC = "untrained-conv3-v1"
FEW = "8,4/8/8/8/8/8/8/8,4"  # 4 sub-networks of the untrained supernet


@pytest.fixture
def out(tmp_path):
    return tmp_path / "search.h5"


def search(supernet, data, out, *options):
    return succeed(
        "ganc-search", "--supernet", supernet, "--data", data, *UNTRAINED_SET, "--device", "cpu", *options, "-o", out
    )


def widths_in(path):
    return [row.widths for row in read_results(path)]


@pytest.mark.paddle26
def test_an_exhaustive_search_has_exactly_the_sub_networks_within_the_budget(supernet_file, tiny_data, out):
    search(supernet_file, tiny_data, out, "--max-macs", "3.2M", "--max-params", "11k")
    results = read_results(out)
    everything = widths_of_space(TINY_SPACE)
    within_macs = {widths for widths in everything if macs_by_hand(widths, SIZE) <= 3_200_000}
    spec = read_checkpoint(supernet_file).generator.spec
    params = {widths: spec.narrowed(widths).costs((SIZE, SIZE)).params for widths in everything}
    expected = {widths for widths in within_macs if params[widths] <= 11_000}
    assert 0 < len(expected) < len(within_macs) < len(everything)
    assert set(widths_in(out)) == expected
    assert len(results) == len(expected)
    for row in results:
        assert row.macs == macs_by_hand(row.widths, SIZE)
        assert row.params == params[row.widths]
        assert row.images == 4
        assert row.seconds > 0


def test_the_budget_is_inclusive(supernet_file, tiny_data, out):
    smallest = min(macs_by_hand(widths, SIZE) for widths in widths_of_space(FEW))
    search(supernet_file, tiny_data, out, "--space", FEW, "--max-macs", smallest)
    assert widths_in(out) == [(4, 8, 8, 8, 8, 8, 8, 4)]


def test_a_random_search_is_deterministic_by_seed_and_keeps_to_the_budget(supernet_file, tiny_data, tmp_path):
    names = {"one": 3, "again": 3, "other": 4}
    for name, seed in names.items():
        search(supernet_file, tiny_data, tmp_path / name, "--samples", 6, "--seed", seed, "--max-macs", "3.5M")
    results = {name: read_results(tmp_path / name) for name in names}
    assert_same_search(results["one"], results["again"])
    assert {row.widths for row in results["one"]} != {row.widths for row in results["other"]}
    for found in results.values():
        assert len(found) == 6
        assert all(macs_by_hand(row.widths, SIZE) <= 3_500_000 for row in found)
    assert results["one"].facts["strategy"] == "random"
    assert results["one"].facts["seed"] == 3
    assert results["one"].facts["budget"] == {"max_macs": 3_500_000, "max_params": None, "max_latency": None}


def test_an_evolution_keeps_to_the_budget_and_goes_on_from_its_rows(supernet_file, tiny_data, out):
    options = ("--strategy", "evolution", "--population", 8, "--generations", 2, "--max-macs", "3.5M")
    said = search(supernet_file, tiny_data, out, *options)
    assert "candidates at most 24" in said.stderr
    first = read_results(out)
    assert 8 < len(first) <= 24
    assert all(macs_by_hand(row.widths, SIZE) <= 3_500_000 for row in first)
    assert first.facts["strategy"] == "evolution"
    assert (first.facts["evolution"]["population"], first.facts["evolution"]["generations"]) == (8, 2)
    search(supernet_file, tiny_data, out, *options)
    assert [*read_results(out)] == [*first]
    search(supernet_file, tiny_data, out, *options[:5], 4, *options[6:])
    longer = read_results(out)
    assert len(longer) > len(first)
    assert all(longer.find(row.widths) == row for row in first)


def test_without_an_output_it_says_so(supernet_file, tiny_data):
    said = refusal("ganc-search", "--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, status=2)
    assert "'-o'" in said


def test_more_samples_than_there_are_end_with_all(supernet_file, tiny_data, out):
    search(supernet_file, tiny_data, out, "--space", FEW, "--samples", 50)
    assert sorted(widths_in(out)) == sorted(widths_of_space(FEW))


@pytest.mark.paddle26
def test_shards_merged_are_the_search_of_one_process(chain, tmp_path):
    for part in (1, 2, 3):
        search(chain.supernet, chain.data, tmp_path / f"{part}.h5", "--shard", f"{part}/3")
    parts = [tmp_path / f"{part}.h5" for part in (3, 1, 2)]
    assert sum(len(read_results(path)) for path in parts) == 32
    succeed("ganc", "merge", *parts, "-o", tmp_path / "merged.h5")
    merged, whole = read_results(tmp_path / "merged.h5"), read_results(chain.search)
    assert_same_search(merged, whole)
    assert sorted(widths_in(chain.search)) == sorted(widths_of_space(SPACE))


def test_a_search_run_again_evaluates_nothing_and_a_larger_one_only_what_is_new(
    supernet_file, tiny_data, out, tmp_path, monkeypatch
):
    search(supernet_file, tiny_data, out, "--max-macs", "2.2M")
    before = {row.widths: row for row in read_results(out)}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    evaluated = []
    measure = Evaluation.measure_features
    monkeypatch.setattr(Evaluation, "measure_features", lambda *both: evaluated.append(both) or measure(*both))
    search(supernet_file, tiny_data, out, "--max-macs", "2.2M")
    assert {row.widths: row for row in read_results(out)} == before
    assert evaluated == []
    search(supernet_file, tiny_data, out, "--max-macs", "2.4M", "--samples", 20)
    after = {row.widths: row for row in read_results(out)}
    assert len(evaluated) == len(after) - len(before)
    assert len(after) > len(before)
    assert before.items() <= after.items()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_restart_throws_earlier_rows_away(supernet_file, tiny_data, out):
    search(supernet_file, tiny_data, out, "--space", FEW)
    seconds = [row.seconds for row in read_results(out)]
    budget = sorted(macs_by_hand(widths, SIZE) for widths in widths_of_space(FEW))[1]
    search(supernet_file, tiny_data, out, "--space", FEW, "--max-macs", budget, "--restart")
    rows = read_results(out)
    assert len(rows) == 2
    assert not {row.seconds for row in rows} & set(seconds)


def test_restart_throws_nothing_else_away(supernet_file, tiny_data, tmp_path):
    mine = tmp_path / "supernet.safetensors"
    mine.write_bytes(supernet_file.read_bytes())
    with nothing_changes(tmp_path):
        arguments = ("--supernet", mine, "--data", tiny_data, *UNTRAINED_SET, "--restart", "-o", mine)
        said = refusal("ganc-search", *arguments)
    assert str(mine) in said


def test_another_supernet_s_results_are_refused_by_name(supernet_file, tiny_data, out, tmp_path):
    write_checkpoint(tmp_path / "other", make_checkpoint("supernet", 8, seed=9))
    search(supernet_file, tiny_data, out, "--space", FEW)
    digests = [read_checkpoint(path).digest for path in (supernet_file, tmp_path / "other")]
    with nothing_changes(tmp_path):
        arguments = ("--supernet", tmp_path / "other", "--data", tiny_data, *UNTRAINED_SET, "--space", FEW)
        said = refusal("ganc-search", *arguments, "-o", out)
    assert f"supernet_digest is {digests[0]} and {digests[1]}" in said
    assert "--restart" in said
    search(tmp_path / "other", tiny_data, out, "--space", FEW, "--restart")
    assert read_results(out).identity.supernet_digest == digests[1]


def test_other_images_sizes_and_spaces_are_another_search(supernet_file, tiny_data, split_data, out, tmp_path):
    search(supernet_file, tiny_data, out, "--space", FEW)
    searching = ("--supernet", supernet_file, "-o", out)
    with nothing_changes(tmp_path):
        said = refusal("ganc-search", *searching, "--data", split_data, *UNTRAINED_SET, "--space", FEW)
        assert "data_fingerprint" in said
        said = refusal("ganc-search", *searching, "--data", tiny_data, *UNTRAINED_SET, "--space", FEW, "--size", 40)
        assert "image_size is [32, 32] and [40, 40]" in said
        said = refusal("ganc-search", *searching, "--data", tiny_data, *UNTRAINED_SET, "--max-macs", "2.2M")
        assert f"space is {FEW} and {TINY_SPACE}" in said


@pytest.mark.paddle26
def test_a_row_s_metric_is_that_of_the_sub_network_alone(supernet_file, tiny_data, out, tmp_path):
    search(supernet_file, tiny_data, out, "--space", FEW, "--engine", "paddle")
    for row in read_results(out):
        name = format_widths(row.widths)
        succeed("ganc-export", "--supernet", supernet_file, "--config", name, "-o", tmp_path / name)
        data = ("--data", tiny_data, *UNTRAINED_SET, "--device", "cpu")
        (sliced,) = json_of("ganc", "evaluate", supernet_file, "--config", name, *data)
        alone, exported = json_of("ganc", "evaluate", tmp_path / name / "generator.safetensors", tmp_path / name, *data)
        assert sliced["value"] == pytest.approx(row.metrics[METRIC], rel=1e-5)
        assert alone["value"] == pytest.approx(row.metrics[METRIC], rel=1e-5)
        assert exported["value"] == pytest.approx(row.metrics[METRIC], rel=0.02)  # a level here and there
        assert (alone["macs"], alone["device_macs"], alone["params"]) == (row.macs, row.device_macs, row.params)


def test_it_looks_at_the_search_images_where_there_are_some(supernet_file, split_data, out):
    said = search(supernet_file, split_data, out, "--space", FEW)
    assert "warning" not in said.stderr
    assert "images 2 of searchA at 32x32" in said.stderr
    results = read_results(out)
    assert results.facts["subset"] == "searchA"
    assert {row.images for row in results} == {2}


def test_without_them_it_warns_and_records_the_test_images(supernet_file, tiny_data, out):
    said = search(supernet_file, tiny_data, out, "--space", FEW)
    assert f"warning: {tiny_data} has no searchA.txt" in said.stderr
    assert "ganc data split" in said.stderr
    results = read_results(out)
    assert results.facts["subset"] == "testA"
    assert results.facts["statistics_verified"] is True
    assert {row.images for row in results} == {4}


def test_foreign_statistics_are_recorded_as_unverified(supernet_file, tiny_data, out, tmp_path):
    succeed("ganc", "stats", "--data", tiny_data, *UNTRAINED_SET, "--size", SIZE, "-o", tmp_path / "real.npz")
    with np.load(tmp_path / "real.npz") as arrays:
        np.savez(tmp_path / "foreign.npz", mu=arrays["mu"], sigma=arrays["sigma"])
    options = ("--space", FEW, "--stats", tmp_path / "foreign.npz")
    said = refusal("ganc-search", "--supernet", supernet_file, "--data", tiny_data, *options, "-o", out)
    assert "foreign.npz" in said
    assert "--feature-set" in said
    search(supernet_file, tiny_data, out, *options, "--feature-set", METRIC)
    assert read_results(out).facts["statistics_verified"] is False
    search(supernet_file, tiny_data, tmp_path / "plain.h5", "--space", FEW)
    values = [[row.metrics[METRIC] for row in read_results(path)] for path in (out, tmp_path / "plain.h5")]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)


def test_the_table_has_the_best_rows(chain, out):
    said = search(chain.supernet, chain.data, out, "--top", 3)
    lines = said.stdout.splitlines()
    best = sorted(read_results(out), key=lambda row: row.metrics[f"{METRIC}-kid"])[:3]  # 2 images are few
    assert [line.split()[0] for line in lines[2:5]] == [format_widths(row.widths) for row in best]
    assert lines[-1] == f"32 sub-networks in {out} ({out.stat().st_size:,} bytes)"
    assert "ganc-search" in said.stderr


@pytest.mark.paddle26
def test_a_piped_search_writes_results_and_nothing_else(chain, tmp_path):
    arguments = ("ganc-search", *chain.arguments["search"], "-o", "-")
    with nothing_changes(chain.folder):
        done = run_command(*arguments, cwd=chain.folder)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(b"\x89HDF\r\n\x1a\n")
    assert_same_search(read_results(io.BytesIO(done.stdout)), read_results(chain.search))
    assert b"32 sub-networks" in done.stderr


def test_a_piped_search_goes_on_from_its_run_directory_and_pipes_what_was_asked_for(chain, tmp_path, capfdbinary):
    def piped(*options):
        search(chain.supernet, chain.data, "-", "--run-dir", tmp_path, *options)
        return read_results(io.BytesIO(capfdbinary.readouterr().out))

    budget = sorted(macs_by_hand(widths, SIZE) for widths in widths_of_space(SPACE))[5]
    few = piped("--max-macs", budget)
    assert 6 <= len(few) < 32
    assert listing(tmp_path).keys() == {"search.h5"}
    everything = piped()
    assert_same_search(everything, read_results(chain.search))
    assert all(everything.find(row.widths) == row for row in few)  # with their times
    assert piped("--max-macs", budget).digest == few.digest


def test_the_other_direction(tiny_data, out, tmp_path):
    write_checkpoint(tmp_path / "supernet", make_checkpoint("supernet", 8, direction="BtoA"))
    search(tmp_path / "supernet", tiny_data, out, "--space", FEW, "--direction", "BtoA")
    assert read_results(out).facts["subset"] == "testB"
    arguments = ("--supernet", tmp_path / "supernet", "--data", tiny_data, *UNTRAINED_SET, "--space", FEW)
    assert "BtoA" in refusal("ganc-search", *arguments, "-o", out)


def test_a_budget_that_nothing_satisfies_names_the_smallest_possible(supernet_file, tiny_data, out, tmp_path):
    with nothing_changes(tmp_path):
        arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "-o", out)
        for options in (("--max-macs", "1M"), ("--max-params", "2k", "--samples", 3)):
            said = refusal("ganc-search", *arguments, *options)
            assert said.startswith(options[0])

            macs = macs_by_hand((4,) * RESNET.segments, SIZE)
            assert f"4_4_4_4_4_4_4_4, has {macs / 1e6:.2f} M MACs and 6.69 k parameters" in said


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--shard", "3/2"), "'3/2'"),
        (("--samples", "0"), "'--samples'"),
        (("--max-macs", "much"), "'much'"),
        (("--run-dir", "folder"), "--run-dir"),
        (("--strategy", "random"), "--samples"),
        (("--strategy", "exhaustive", "--samples", 5), "--samples"),
        (("--strategy", "evolution", "--shard", "1/2"), "evolution"),
        (("--racing-keep", "1"), "--racing-keep"),
        (("--strategy", "configs"), "--configs"),
        (("--strategy", "random", "--configs", "-"), "--samples"),
        (("--configs", "-", "--samples", 5), "--configs"),
        (("--population", "0"), "--population"),
        (("--rank-check", "2"), "'--rank-check'"),
    ],
)
def test_wrong_usage_is_refused(supernet_file, tiny_data, out, tmp_path, options, named):
    with nothing_changes(tmp_path):
        arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, *options, "-o", out)
        assert named in refusal("ganc-search", *arguments, status=2)


def test_what_fails_late_leaves_nothing_behind(supernet_file, tiny_data, out, tmp_path):
    arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET)
    with nothing_changes(tmp_path):
        said = refusal("ganc-search", *arguments, "--size", 30, "-o", out)
        assert "30x30" in said
        assert "shards" in refusal("ganc-search", *arguments, "--shard", "300/300", "-o", out)
        assert str(tmp_path) in refusal("ganc-search", *arguments, "-o", tmp_path, status=2)
        said = refusal("ganc-search", *arguments, "-o", tiny_data / "demo.json" / "out.h5")
        assert str(tiny_data / "demo.json" / "out.h5") in said


def test_a_checkpoint_of_another_stage_is_refused(teacher_file, tiny_data, out, tmp_path):
    with nothing_changes(tmp_path):
        said = refusal("ganc-search", "--supernet", teacher_file, "--data", tiny_data, *UNTRAINED_SET, "-o", out)
    assert re.search(f"{teacher_file}.*--supernet", said)


def test_a_space_that_the_supernet_does_not_reach_is_refused(supernet_file, tiny_data, out, tmp_path):
    with nothing_changes(tmp_path):
        arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--space", "channels-32")
        assert "8_8_8_8_8_8_8_8" in refusal("ganc-search", *arguments, "-o", out)


def test_what_is_recorded_identifies_the_search(supernet_file, tiny_data, out):
    search(supernet_file, tiny_data, out, "--space", FEW)
    identity = read_results(out).identity
    supernet = read_checkpoint(supernet_file)
    assert identity.supernet_digest == supernet.digest
    assert identity.generator_spec == json.loads(json.dumps({**vars(supernet.generator.spec)}))
    assert (identity.space, identity.feature_set, identity.image_size) == (FEW, METRIC, (SIZE, SIZE))
