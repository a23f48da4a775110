"""Predicted sub-networks in `ganc select --predicted` and `ganc merge`: counted apart, and why there are none."""

from helpers.search_rows import make_results, make_row
from helpers.stages import json_of, refusal
from helpers.support import succeed

from ganc.results.hdf5 import write_results


def test_a_bound_that_leaves_no_prediction_is_the_reason_that_is_said(tmp_path):
    path = tmp_path / "search.h5"
    only = [make_row((8, width), images=0, metrics={"untrained.predicted": 1.0}) for width in (2, 3, 5)]
    write_results(path, make_results([make_row((4, 4), 3.0), *only]))
    select = ("ganc", "select", path, "--predicted")
    assert len(json_of(*select, "--max-macs", only[1].macs, "--max-params", only[1].params)) == 2
    said = refusal(*select, "--max-macs", only[0].macs - 1)
    assert "--max-macs" in said
    assert f"of the 3 sub-networks that were predicted and not measured is 10.01 k ({only[0].macs}) MACs" in said
    assert "--strategy" not in said
    said = refusal(*select, "--max-macs", only[1].macs, "--max-params", only[0].params - 1)
    assert f"not measured within --max-macs 11.01 k ({only[1].macs}) is" in said
    assert f"({only[0].params}) parameters" in said


def test_merge_counts_what_was_measured_and_what_was_predicted(tmp_path):
    only = [make_row((8, width), images=0, metrics={"untrained.predicted": 1.0}) for width in (2, 3, 5)]
    write_results(tmp_path / "a.h5", make_results([make_row((4, 4), 3.0), *only]))
    write_results(tmp_path / "b.h5", make_results([make_row((8, 2), 2.0)]))  # one of those that were predicted
    merge = ("ganc", "merge", tmp_path / "a.h5", tmp_path / "b.h5", "-o", tmp_path / "all.h5")
    assert "2 sub-networks of 2 files in " in (said := succeed(*merge).stderr)
    assert said.rstrip().endswith(", and 2 that were only predicted")
    counts = json_of(*merge)
    assert (counts["subnets"], counts["predicted"], counts["files"]) == (2, 2, 2)


def test_a_bound_of_what_was_measured_is_refused_beside_predicted_whatever_its_number(tmp_path):
    write_results(tmp_path / "search.h5", make_results([make_row((4, 4), 3.0)]))
    for option in (("--pareto",), ("--max-metric", 0), ("--max-metric", 1), ("--max-latency", 2)):
        said = refusal("ganc", "select", tmp_path / "search.h5", "--predicted", *option, status=2)
        assert said.startswith(option[0])


def test_predictions_that_measured_ones_beat_are_said_to_be_beaten(tmp_path):
    only = make_row((8, 4), images=0, metrics={"untrained.predicted": 4.0})
    write_results(tmp_path / "search.h5", make_results([make_row((4, 4), 3.0), only]))
    said = refusal("ganc", "select", tmp_path / "search.h5", "--predicted")
    assert "beaten by what was measured" in said
    assert "--strategy" not in said
