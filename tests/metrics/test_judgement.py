"""Which distance orders models, what is within the error, and whether a model is better than doing nothing."""

import json

import pytest
from helpers.support import succeed

from ganc.base.ranking_metric import FEW_IMAGES, combined_error, near_best, ranking_metric
from ganc.metrics import Judgement, Measurement, judged
from ganc.metrics.judgement import sentence
from ganc.workflow.report import remarks


def test_few_images_are_ordered_by_the_kernel_distance():
    assert ranking_metric("lite", FEW_IMAGES, has_kernel=True) == "lite-kid"
    assert ranking_metric("lite", FEW_IMAGES + 1, has_kernel=True) == "lite"
    assert ranking_metric("lite", 2, has_kernel=False) == "lite"
    few, many = Measurement(5.0, 0.25, 0.125, FEW_IMAGES), Measurement(5.0, 0.25, 0.125, FEW_IMAGES + 1)
    assert (few.ranking, few.ranking_error) == (0.25, 0.125)
    assert (many.ranking, many.ranking_error) == (5.0, None)
    assert Measurement(5.0, None, None, 4).ranking == 5.0


@pytest.mark.parametrize(
    ("model", "untouched", "expected"),
    [
        ((9.0, 0.1, 0.03), (1.0, 0.2, 0.04), Judgement.BETTER),  # by the kernel distance, 0.1 above an error of 0.05
        ((1.0, 0.16, 0.03), (9.0, 0.2, 0.04), Judgement.WITHIN_ERROR),
        ((1.0, 0.2, 0.03), (9.0, 0.2, 0.04), Judgement.NO_BETTER),
        ((1.0, 0.3, 0.03), (9.0, 0.2, 0.04), Judgement.NO_BETTER),
        ((1.0, None, None), (9.0, None, None), Judgement.BETTER),
        ((9.0, None, None), (9.0, None, None), Judgement.NO_BETTER),
    ],
)
def test_a_model_is_compared_with_the_untouched_images(model, untouched, expected):
    found = judged(Measurement(*model, 60), Measurement(*untouched, 60))
    assert found == expected
    assert (sentence("zebra", found) is None) == (expected == Judgement.BETTER)
    assert expected == Judgement.BETTER or sentence("zebra", found).startswith("zebra is ")


def test_values_within_the_error_of_the_lowest_are_named():
    assert combined_error(3.0, 4.0) == 5.0
    assert combined_error(3.0, None) == 3.0
    assert near_best([1.0, 5.9, 6.1, None, 1.0], [3.0, 4.0, 4.0, 1.0, None]) == [False, True, False, False, False]
    assert near_best([None], [None]) == [False]
    assert near_best([], []) == []


@pytest.mark.parametrize(("images", "near"), [(FEW_IMAGES, True), (FEW_IMAGES + 1, False)])
def test_a_report_names_models_near_the_best_only_where_the_kernel_distance_orders_them(images, near, tmp_path):
    costs = {"macs": 10, "params": 10, "bytes": 10, "metric": "lite", "value": 9.0, "milliseconds": None}
    row = {**costs, "kernel_error": 0.5, "images": images, "subset": "testA", "judgement": Judgement.BETTER.value}
    rows = [{"name": name, **row, "kernel": kernel} for name, kernel in (("first", 1.0), ("second", 1.2))]
    said = "second: within the standard error of the lowest kernel distance"
    assert remarks(rows) == ([said] if near else [])
    (tmp_path / "report.json").write_text(json.dumps([{"model": one["name"], **one} for one in rows]))
    succeed("ganc", "report", tmp_path, "-o", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("Within the standard error of the lowest kernel distance: second" in page) == near
