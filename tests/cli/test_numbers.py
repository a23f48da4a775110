"""Every number of every option of every command: what is none, or is absurd, is wrong usage that names the option."""

import click
import pytest
from helpers.stages import refusal
from helpers.support import walk_commands

NUMBERS = (click.types.IntParamType, click.types.FloatParamType)
OPTIONS = [
    pytest.param(names, option, id=f"{' '.join(names)} {option.opts[0]}")
    for names, command in walk_commands()
    for option in command.params
    if isinstance(option, click.Option)
    and (isinstance(option.type, NUMBERS) or option.type.name in ("size", "k/n", "count"))
]


@pytest.mark.parametrize(("names", "option"), OPTIONS)
def test_what_is_no_sensible_number_is_refused(names, option):
    for text in ("nan", "inf", "-inf", "1e400", "4_4", "٤", "1" + 20 * "0", "9" * 5000):
        said = refusal(names[0], *names[1:], option.opts[0], text, status=2)
        assert f"'{option.opts[0]}'" in said or f"'{option.opts[-1]}'" in said, said


def test_there_are_such_options():
    assert len(OPTIONS) > 60


@pytest.mark.parametrize(
    ("names", "option"), [one for one in OPTIONS if isinstance(one.values[1].type, click.IntRange)]
)
def test_a_number_that_is_too_large_is_told_the_option_s_own_range(names, option):
    low, high = option.type.min, option.type.max
    said = refusal(names[0], *names[1:], option.opts[0], 10**15, status=2)
    assert str(-(10**9)) not in said
    assert str(10**9 if high is None else high) in said
    assert low is None or f" {low} to " in said
