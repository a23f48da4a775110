"""What is computed twice: networks round in float32, and on some processors not alike in two runs of one program."""

import pytest

ROUNDING = 1e-5  # relative, of float32 and of the few sums behind a metric
NEAR_ZERO = 1e-4  # a kernel distance is a small difference of means that are not small


def nearly(value: object) -> object:
    """Return what is equal to a value, as JSON has it, whose fractions differ by rounding; all else is exact."""
    if isinstance(value, dict):
        return {name: nearly(one) for name, one in value.items()}
    if isinstance(value, list):
        return [nearly(one) for one in value]
    return pytest.approx(value, rel=ROUNDING, abs=NEAR_ZERO) if isinstance(value, float) else value
