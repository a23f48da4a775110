"""What is computed twice: networks round in float32, and on some processors not alike in two runs of one program."""

import numpy as np
import pytest

from ganc.results.search_results import SearchResults
from ganc.results.table import COST_COLUMNS, SAME_ERROR, SAME_VALUE

ROUNDING = 1e-5  # relative, of float32 and of the few sums behind a metric
NEAR_ZERO = 1e-4  # a kernel distance is a small difference of means that are not small


def nearly(value: object) -> object:
    """Return what is equal to a value, as JSON has it, whose fractions differ by rounding; all else is exact."""
    if isinstance(value, dict):
        return {name: nearly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [nearly(one) for one in value]
    return pytest.approx(value, rel=ROUNDING, abs=NEAR_ZERO) if isinstance(value, float) else value


def assert_same_search(found: SearchResults, expected: SearchResults, *, other_facts: tuple[str, ...] = ()) -> None:
    """Assert that two searches, each of which measured its rows, looked at the same and found the same.

    Metrics agree as `ganc merge` wants it of two measurements. Rows that were kept are equal; compare those themselves.

    Args:
        other_facts: names of facts in which the searches may differ.
    """
    assert found.identity == expected.identity
    facts, wanted = ({k: v for k, v in one.facts.items() if k not in other_facts} for one in (found, expected))
    assert facts == nearly(wanted)
    for name in ("widths", "images", *COST_COLUMNS):
        np.testing.assert_array_equal(getattr(found.rows, name), getattr(expected.rows, name), err_msg=name)
    assert found.rows.metrics.keys() == expected.rows.metrics.keys()
    assert found.rows.errors.keys() == expected.rows.errors.keys()
    for name, values in expected.rows.metrics.items():
        errors = expected.rows.errors.get(name)
        allowed = SAME_VALUE * np.abs(values) + (0 if errors is None else SAME_ERROR * np.nan_to_num(errors))
        _assert_within(found.rows.metrics[name], values, allowed, name)
    for name, values in expected.rows.errors.items():
        _assert_within(found.rows.errors[name], values, SAME_ERROR * np.abs(values), f"error of {name}")


def _assert_within(found: np.ndarray, expected: np.ndarray, allowed: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
    far = np.abs(found - expected) > allowed + 1e-9  # never of what is NaN
    assert not far.any(), f"{name}: {found[far]} and {expected[far]}"
