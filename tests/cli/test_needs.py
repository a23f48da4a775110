"""Options that have an effect only beside others: typed without those they are refused, as a default they wait."""

import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import UNTRAINED_SET, succeed, walk_commands

from ganc.demo.dataset import write_demo_set
from ganc.files.checkpoint import read_checkpoint
from ganc.results.hdf5 import read_results

FILES = {
    "ganc-replace": (),
    "ganc-distill": ("--teacher", "t"),
    "ganc-supernet": ("--teacher", "t"),
    "ganc-search": ("--supernet", "s"),
}
EVOLUTION = ("--population", "--generations", "--mutation", "--patience", "--evaluations", "--parent-ratio")
PREDICTOR = (("--predictor-model", "linear"), ("--predictor-first", "0.5"), ("--predictor-refits", "2"))
STRATEGIES = ((), ("--samples", "5"), ("--configs", "-"), ("--rank-check", "5"))
START = (("--start-from", "teacher"), ("--start-from", "scratch"), ("--importance", "reads"), ("--refit", "4"))


def cases():
    for given in (("--student", "s"), ("--init-from", "s")):
        for option in START:
            yield "ganc-supernet", (*option, *given), option[0], given[0]
    for option in START[2:]:
        yield "ganc-supernet", (*option, "--start-from", "scratch"), option[0], "--start-from teacher"
        yield "ganc-supernet", (*option, "--recipe", "published"), option[0], "--start-from teacher"
        yield "ganc-distill", (*option, "--init-from", "s"), option[0], "--init-from"
    for program in ("ganc-replace", "ganc-distill"):
        yield program, ("--width", "8", "--widths", "4"), "--width", "--widths"
    yield "ganc-replace", ("--refit", "4"), "--refit", "--init-from"
    for zero in (("--cycle-weight", "0"), ("--recipe", "imitate")):
        yield (
            "ganc-replace",
            ("--init-from", "s", "--identity-weight", "1", *zero),
            "--identity-weight",
            "--cycle-weight",
        )
    for strategy in STRATEGIES:
        for name in EVOLUTION:
            yield "ganc-search", (name, "1", *strategy), name, "--strategy evolution"
        for option in PREDICTOR:
            yield "ganc-search", (*option, *strategy), option[0], "--strategy predictor"
    yield "ganc-search", ("--population", "8", "--strategy", "predictor", "--samples", "5"), "--population", "evolution"
    yield "ganc-search", (*PREDICTOR[0], "--strategy", "evolution"), "--predictor-model", "--strategy predictor"
    for option in (("--racing-keep", "0.5"), ("--racing-features", "untrained-conv3-v1")):
        yield "ganc-search", option, option[0], "--racing"
    for option in (("--latency-engine", "openvino"), ("--latency-precision", "bf16")):
        yield "ganc-search", option, option[0], "--latency measured"


@pytest.mark.parametrize(("program", "options", "named", "needed"), [*cases()])
def test_a_typed_option_without_an_effect_is_one_line(program, options, named, needed, tiny_data, tmp_path):
    with nothing_changes(tmp_path):
        arguments = (*FILES[program], "--data", tiny_data, *options, "-o", tmp_path / "out")
        said = refusal(program, *arguments, status=2)
    assert said.startswith(f"{named} ")
    assert needed in said.removeprefix(named)


def test_what_a_need_names_are_options_of_its_command():
    for _, command in walk_commands():
        own = {option.name for option in command.params}
        assert all(own.issuperset(need.options) for need in getattr(command, "needs", ()))


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("ganc-supernet", ("--student", "s", "--refit", "0")),
        (
            "ganc-supernet",
            ("--start-from", "teacher", "--recipe", "published", "--importance", "reads", "--refit", "4"),
        ),
        ("ganc-supernet", ("--init-from", "s", "--width", "8")),
        ("ganc-distill", ("--init-from", "s", "--refit", "0")),
        ("ganc-replace", ("--cycle-weight", "0", "--identity-weight", "0")),
        ("ganc-search", ("--strategy", "evolution", "--population", "8", "--mutation", "0")),
        ("ganc-search", ("--strategy", "predictor", "--samples", "5", *PREDICTOR[0])),
        ("ganc-search", ("--racing", "--racing-keep", "0.5", "--latency", "table", "--latency-engine", "auto")),
    ],
)
def test_what_has_an_effect_or_asks_for_nothing_is_taken(program, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = dict(walk_commands())[(program,)]
    command.check([*FILES[program], "--data", ".", *options, "-o", "out"])


def test_defaults_of_a_file_and_of_the_environment_wait_for_a_call_that_needs_them(
    supernet_file, tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setenv("GANC_SEARCH_POPULATION", "8")
    monkeypatch.setenv("GANC_SEARCH_RACING_FEATURES", "untrained-conv3-v1")
    (tmp_path / "run.yaml").write_text("predictor-refits: 2\nracing-keep: 0.5\nlatency-precision: bf16\n")
    arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--defaults", tmp_path / "run.yaml")
    out = tmp_path / "search.h5"
    succeed("ganc-search", *arguments, "--samples", "2", "--device", "cpu", "-o", out)
    assert len(read_results(out)) == 2
    assert not {"racing", "latency", "evolution", "predictor"} & read_results(out).facts.keys()
    write_demo_set(tmp_path / "data", train=4, test=12, size=32)
    raced = ("--data", tmp_path / "data", "--samples", "2", "--racing", "--device", "cpu", "-o", tmp_path / "raced.h5")
    succeed("ganc-search", *arguments, *raced)
    assert read_results(tmp_path / "raced.h5").facts["racing"]["keep"] == 0.5


def test_a_file_of_defaults_serves_a_supernet_with_a_student_too(teacher_file, student_file, tiny_data, tmp_path):
    (tmp_path / "run.yaml").write_text("recipe: published\nstart-from: teacher\nimportance: reads\nrefit: 4\n")
    short = (
        "--max-steps",
        "1",
        "--epochs",
        "1",
        "--load-size",
        "36",
        "--crop-size",
        "32",
        "--space",
        "/".join(["8,4"] * 8),
    )
    arguments = ("--teacher", teacher_file, "--data", tiny_data, *UNTRAINED_SET, *short, "--device", "cpu")
    files = ("--student", student_file, "--defaults", tmp_path / "run.yaml", "-o", tmp_path / "out")
    assert "refit" not in succeed("ganc-supernet", *arguments, *files).stderr
    assert "start_from" not in read_checkpoint(tmp_path / "out").training
