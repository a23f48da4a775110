"""Where an option's value comes from: the command line, the environment, a file of defaults, a recipe, the command."""

import json
from dataclasses import fields

import click
import pytest
from click.testing import CliRunner
from helpers.endless_yaml import ENDLESS
from helpers.stages import refusal
from helpers.support import TINY_TRAINING, invoke, run_command, succeed

from ganc.cli.command import command
from ganc.cli.options import distillation_options, grouped, schedule_options, setting_options
from ganc.cli.paths import OUTPUT_FILE
from ganc.training.recipes import DEFAULTS, Recipe
from ganc.training.settings import DataSettings


@command("ganc-try", defaults=DEFAULTS[Recipe.IMITATE])
@distillation_options(DEFAULTS, Recipe.IMITATE)
@grouped("data", DataSettings, *setting_options(DataSettings))
@schedule_options(epochs=100, decay_epochs=100)
@click.option("-o", "--output", type=OUTPUT_FILE)
def trial(settings, data, schedule, output):
    """Print settings."""
    for one in (settings, data, schedule):
        for field in fields(one):
            click.echo(f"{field.name}={getattr(one, field.name)}")


def run(*arguments, **environment):
    """Return what the command has for its options, by name."""
    done = CliRunner().invoke(trial, ["--data", "d", *map(str, arguments)], env=environment)
    assert done.exit_code == 0, done.output
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def refused(*arguments, **environment):
    done = CliRunner().invoke(trial, ["--data", "d", *map(str, arguments)], env=environment)
    assert done.exit_code == 2, done.output
    return done.stderr.splitlines()[-1]


@pytest.fixture
def yaml(tmp_path):
    def written(text, name="defaults.yaml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


def test_what_is_typed_counts_more_than_the_environment_and_that_more_than_a_file(yaml):
    file = yaml("lr: 0.25\nepochs: 7\nwarm-up: 3\n")
    found = run("--lr", "0.5", "--defaults", file, GANC_TRY_LR="0.125", GANC_TRY_EPOCHS="9")
    assert (found["learning_rate"], found["epochs"], found["warm_up"]) == ("0.5", "9", "3")
    assert found["decay_epochs"] == "100"
    assert run(GANC_TRY_DEFAULTS=str(file))["learning_rate"] == "0.25"


@pytest.mark.parametrize("typed", [(), ("--recipe", "published")])
def test_a_file_counts_more_than_a_recipe(yaml, typed):
    file = yaml("recipe: published\nlr: 0.25\n")
    assert run("--defaults", file, *typed)["learning_rate"] == "0.25"
    assert run("--defaults", file)["ema"] == "0.0"
    assert run()["ema"] == "0.999"
    assert run(GANC_TRY_RECIPE="published")["ema"] == "0.0"
    assert run(GANC_TRY_DEFAULTS=str(yaml("recipe: published")))["ema"] == "0.0"


def test_values_of_every_kind(yaml):
    found = run("--defaults", yaml("loss: [ssim=0.5, wavelet=1]\nshuffle: no\ncrop_size: 64x32\nresize: shorter\n"))
    assert found["shuffle"] == "False"
    assert found["crop_size"] == "(64, 32)"
    assert "SSIM" in found["losses"]
    assert "WAVELET" in found["losses"]
    assert run("--defaults", yaml("in-order: true\nloss: ssim=2\n"))["shuffle"] == "False"
    toml = yaml('lr = 1e-5\nloss = ["ssim=0.5"]\nshuffle = false\n', "defaults.toml")
    assert run("--defaults", toml)["learning_rate"] == "1e-05"
    assert run(GANC_TRY_LOSS="ssim=0.5 wavelet=1")["losses"] == found["losses"]


def test_one_file_has_sections_for_several_commands(yaml):
    file = yaml("epochs: 3\nganc-try:\n  lr: 0.25\nganc-export:\n  anything: 1\nganc data split:\n  seed: 1\n")
    assert (run("--defaults", file)["epochs"], run("--defaults", file)["learning_rate"]) == ("3", "0.25")
    assert "named as a command" in refused("--defaults", yaml("zzz:\n  lr: 1\n"))
    assert "has no option ganc-try" in refused("--defaults", yaml("ganc-try: 3\n"))


@pytest.mark.parametrize(
    ("section", "meant"),
    [
        ("ganc-tri", "ganc-try"),
        ("ganc-distil", "ganc-distill"),
        ("distill", "ganc-distill"),
        ("ganc evaluat", "ganc evaluate"),
        ("ganc data splitt", "ganc data split"),
        ("ganc-evaluate", "ganc evaluate"),
    ],
)
def test_a_section_that_names_no_command_is_refused_with_the_nearest_that_does(yaml, section, meant):
    """It would be left out otherwise, and the run train with other values than were written down."""
    said = refused("--defaults", yaml(f"{section}:\n  lr: 0.25\n"))
    assert f"there is no command {section}; did you mean {meant}?" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eopchs: 2", "no option eopchs; did you mean epochs?"),
        ("defaults: a.yaml", "no option defaults"),
        ("help: true", "no option help"),
        ("epochs: many", "epochs: 'many' is not a whole number"),
        ("epochs: -1", "epochs: -1: expected at least 0"),
        ("epochs: [1, 2]", "epochs: expected one value"),
        ("epochs:", "epochs: has no value"),
        ("shuffle: perhaps", "shuffle: 'perhaps': expected true or false"),
    ],
)
def test_what_a_file_says_wrongly_is_refused_by_name(yaml, text, said):
    file = yaml(text)
    assert f"{file}: " in refused("--defaults", file)
    assert said in refused("--defaults", file)


@pytest.mark.parametrize("content", [b"- a\n", b"a: b: c", b"\xff\xfe", b"just words", b"[" * 5000, None])
def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path, content):
    for name in ("defaults.yaml", "defaults.toml"):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        assert name in refusal("ganc", "profile", "--widths", "8", "--defaults", tmp_path / name)


def test_a_small_file_that_means_endlessly_many_values_is_refused(yaml):
    said = refusal("ganc", "profile", "--widths", "8", "--defaults", yaml(ENDLESS))
    assert "more than 100,000 values" in said


def test_without_pyyaml_a_file_is_toml(tmp_path):
    (tmp_path / "a.yaml").write_text("size: 64")
    (tmp_path / "a.toml").write_text("size = 64")
    line = ("ganc", "profile", "--widths", "8", "--json", "--defaults")
    refused = run_command(*line, tmp_path / "a.yaml", absent=("yaml",))
    assert (refused.returncode, b"PyYAML is not installed" in refused.stderr) == (1, True)
    assert json.loads(run_command(*line, tmp_path / "a.toml", absent=("yaml",)).stdout)["macs"] < 1e8


def test_a_file_of_defaults_is_not_overwritten(tiny_data, tmp_path):
    file = tmp_path / "defaults.toml"
    file.write_text("size = 32")
    said = refusal("ganc", "stats", "--data", tiny_data, "--defaults", file, "-o", file)
    assert "would overwrite what --defaults" in said


def test_the_environment_stands_for_options_of_the_toolbox_too(monkeypatch):
    monkeypatch.setenv("GANC_PROFILE_WIDTHS", "8")
    monkeypatch.setenv("GANC_PROFILE_JSON", "1")
    assert json.loads(succeed("ganc", "profile").stdout)["macs"] > 0
    monkeypatch.setenv("GANC_PROFILE_HELP", "1")
    monkeypatch.setenv("GANC_DISTILL_VERSION", "1")
    assert succeed("ganc", "profile").stdout.startswith("{")
    assert invoke("ganc-distill").exit_code == 2


def test_a_value_of_the_environment_is_refused_by_its_option(monkeypatch, tmp_path):
    monkeypatch.setenv("GANC_DISTILL_LR", "fast")
    assert "--lr" in refusal("ganc-distill", "--data", "d", "-o", tmp_path / "out", status=2)


def test_a_dry_run_is_asked_for_by_hand_alone(monkeypatch, teacher_file, tiny_data, tmp_path):
    monkeypatch.setenv("GANC_DISTILL_DRY_RUN", "1")
    given = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4", *TINY_TRAINING, "--max-steps", "1")
    succeed("ganc-distill", *given, "-o", tmp_path / "out")
    assert (tmp_path / "out").is_file()


@pytest.mark.parametrize("program", ["ganc", "ganc-distill"])
def test_a_shell_completes_options(program):
    name = f"_{program.upper().replace('-', '_')}_COMPLETE"
    assert b"complete" in run_command(program, environment={name: "bash_source"}).stdout
    words = {"COMP_WORDS": f"{program} --vers", "COMP_CWORD": "1"}
    assert run_command(program, environment={name: "bash_complete", **words}).stdout == b"plain,--version\n"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("GANC_PROFILE_WIDTH", "ganc profile has no such option; did you mean GANC_PROFILE_WIDTHS?"),
        ("GANC_PROFIL_WIDTHS", "no command begins so; did you mean GANC_PROFILE_WIDTHS?"),
        ("GANC_CASHE", "no command begins so; did you mean GANC_CACHE?"),
        ("GANC_PROFILE_VERSION", "what it stands for is for a call by hand"),
    ],
)
def test_a_misspelt_variable_is_told(monkeypatch, variable, said):
    monkeypatch.setenv(variable, "8")
    assert succeed("ganc", "profile", "--widths", "8").stderr == f"warning: {variable} has no effect: {said}\n"
    wrong = invoke("ganc", "profile")  # the option that it was to stand for is missed
    assert wrong.exit_code == 2
    assert f"{variable} has no effect" in wrong.stderr


def test_variables_of_other_commands_are_theirs(monkeypatch):
    for variable in ("GANC_DISTILL_LRR", "GANC_DATA_CHECK_MINIMUM", "GANC_FAULTS"):
        monkeypatch.setenv(variable, "8")
    assert not succeed("ganc", "profile", "--widths", "8").stderr
