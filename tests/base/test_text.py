"""Numbers as people type them: what is read, and what is not taken for a number."""

import pytest

from ganc.base.errors import SpecError
from ganc.base.text import format_count, parse_budget, parse_real, parse_whole, with_error

NO_NUMBERS = (
    "",
    " ",
    "4_4",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "1e400",
    "0x10",
    "٤",
    "²",
    "1,5",
    "1 2",
    "--1",
    "9" * 5000,
)


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.0", "1e3", str(10**20), "-1", "1000000001"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(SpecError, match="whole number") as caught:
        parse_whole(text, 0)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1e16", "-1e300"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(SpecError, match="number") as caught:
        parse_real(text)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize("text", [*NO_NUMBERS, "0", "-1", "0.5", "1e19", "1e99", str(10**20), "2X", "G"])
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(SpecError, match="budget") as caught:
        parse_budget(text)
    assert len(str(caught.value)) < 200


def test_numbers_are_read():
    assert [parse_whole(text) for text in ("0", "12", "+3", "-4", " 5 ", "007")] == [0, 12, 3, -4, 5, 7]
    assert parse_whole(str(2**40), largest=2**40) == 2**40
    assert [parse_real(text) for text in ("0", "1.5", ".5", "2.", "2e-4", "-1E3")] == [0, 1.5, 0.5, 2, 2e-4, -1000]
    assert [parse_budget(text) for text in ("2.7G", "350 M", "12k", "1.5", "1e3", "2t")] == [
        *(2_700_000_000, 350_000_000, 12_000, 1, 1000, 2 * 10**12),
    ]
    assert [format_count(count) for count in (512, 341_600, 2.7e9, 999_999)] == ["512", "341.60 k", "2.70 G", "1.00 M"]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.55328581395036547, 3.3e-16, "0.5533"),  # rounding
        (1e-17, 2e-18, "0.0000"),
        (-4321.5, 1e-6, "-4321.5000"),
        (0.0312, 0.0041, "0.0312 ± 0.0041"),
        (0.5, 1e-8, "0.500000000 ± 0.000000010"),
        (471.66, 12.3, "472 ± 12"),
        (0.5, None, "0.5000"),
        (0.5, 0.0, "0.5000"),
        (None, None, "-"),
    ],
)
def test_an_error_that_is_rounding_is_none(value, error, text):
    assert with_error(value, error) == text
