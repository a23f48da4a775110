"""Options made from the fields of settings: default, type, limits and help stand in the class alone."""

from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganc.base.errors import SettingError
from ganc.base.settings import check_limits, setting
from ganc.cli.command import command
from ganc.cli.options import grouped, setting_options
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule


class Colour(Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@dataclass(frozen=True, kw_only=True)
class Paint:
    """Settings of every kind."""

    wall: Path = setting("Where to paint.", names=("-w", "--wall"), folder=True)
    colour: Colour = setting("Which colour.", Colour.RED)
    size: tuple[int, int] = setting("How large.", (64, 64))
    layers: int = setting("How many layers.", 2, least=1, most=9)
    thinner: float = setting("Parts of thinner.", 0.5, above=0, most=1)
    brush: str = setting("With what.", "round", choices=("round", "flat"))
    gap: float = setting("How far apart.", 0.0, least=0, below=1)
    widths: tuple[int, ...] | None = setting("Of each board.", None)
    seconds: float | None = setting("How long.", None, least=0, default_text="until it is dry")
    name: str | None = setting("Who paints.", None)
    glossy: bool = setting("Gloss.", default=False)
    inside: bool = setting("Where.", default=True, names=("--inside/--outside",))

    def __post_init__(self):
        check_limits(self)
        if self.layers > 5 and self.glossy:
            raise SettingError("six glossy layers do not dry")


@command("paint", renamed={"--coats": "--layers"})
@grouped("paint", Paint, *setting_options(Paint))
def paint(paint):
    """Paint a wall."""
    for one in fields(paint):
        click.echo(f"{one.name}={getattr(paint, one.name)!r}")


def run(*arguments):
    return CliRunner().invoke(paint, [*arguments])


def test_each_setting_is_an_option_with_its_default():
    done = run("-w", "wall")
    assert done.exit_code == 0
    assert "wall=PosixPath('wall')" in done.stdout
    for line in ("colour=<Colour.RED: 'red'>", "size=(64, 64)", "layers=2", "thinner=0.5", "seconds=None", "name=None"):
        assert line in done.stdout
    assert "glossy=False\ninside=True" in done.stdout


def test_options_read_values_of_the_fields_types():
    done = run(
        *("--wall", "w", "--colour", "dark-blue", "--size", "32x16", "--layers", "3", "--thinner", "1"),
        *("--seconds", "2.5", "--name", "me", "--glossy", "--outside", "--brush", "flat"),
        *("--widths", "1_2_3_4_5_6_7_8"),
    )
    assert "widths=(1, 2, 3, 4, 5, 6, 7, 8)\n" in done.stdout
    assert "brush='flat'\ngap=0.0\n" in done.stdout
    for line in (
        "colour=<Colour.DARK_BLUE: 'dark-blue'>",
        "size=(32, 16)",
        "layers=3",
        "thinner=1.0",
        "seconds=2.5",
        "name='me'",
    ):
        assert line in done.stdout
    assert "glossy=True\ninside=False" in done.stdout


def test_help_shows_what_the_fields_say():
    text = " ".join(run("--help").stdout.split())
    assert "-w, --wall FOLDER Where to paint. [required]" in text
    assert "--colour [red|dark-blue] Which colour. [default: red]" in text
    assert "--size SIZE How large. [default: 64]" in text
    assert "--layers N How many layers. [default: 2; 1 to 9]" in text
    assert "--thinner NUMBER Parts of thinner. [default: 0.5; above 0, at most 1]" in text
    assert "--brush [round|flat] With what. [default: round]" in text
    assert "--gap NUMBER How far apart. [default: 0.0; at least 0, below 1]" in text
    assert "--widths WIDTHS Of each board." in text
    assert "--seconds NUMBER How long. [default: (until it is dry); at least 0]" in text
    assert "--inside / --outside Where. [default: inside]" in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((), "--wall"),
        (("-w", "w", "--layers", "0"), "--layers"),
        (("-w", "w", "--layers", "10"), "--layers"),
        (("-w", "w", "--thinner", "0"), "--thinner"),
        (("-w", "w", "--seconds", "-1"), "--seconds"),
        (("-w", "w", "--colour", "green"), "--colour"),
        (("-w", "w", "--brush", "broom"), "--brush"),
        (("-w", "w", "--gap", "1"), "--gap"),
        (("-w", "w", "--layers", "6", "--glossy"), "glossy"),
    ],
)
def test_what_the_settings_refuse_is_wrong_usage(arguments, named):
    done = run(*arguments)
    assert done.exit_code == 2
    assert named in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"layers": 0}, "layers.*at least 1 and at most 9"),
        ({"thinner": 0.0}, "thinner.*above 0"),
        ({"seconds": -1.0}, "seconds"),
        ({"gap": 1.0}, "gap.*below 1"),
        ({"brush": "broom"}, "brush.*round or flat"),
    ],
)
def test_a_program_gets_the_same_refusals(values, named):
    with pytest.raises(SettingError, match=named):
        Paint(wall=Path("w"), **values)


@pytest.mark.parametrize("old", [("--coats", "3"), ("--coats=3",)])
def test_a_renamed_option_keeps_working_and_says_its_new_name(old):
    done = run("-w", "w", *old)
    assert done.exit_code == 0
    assert "layers=3" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "--coats" in line
    assert "--layers" in line
    assert "--coats" not in run("--help").stdout
    assert run("-w", "w", "--layers", "3").stderr == ""


@pytest.mark.parametrize("kind", [Schedule, DataSettings, RunSettings, DistillationSettings])
def test_every_setting_of_a_training_stage_is_an_option(kind):
    assert len(setting_options(kind)) == len(fields(kind))
