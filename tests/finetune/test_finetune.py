"""ganc-finetune through its command: which sub-network it trains, and which state of it is kept."""

import json

import pytest
from helpers.agreement import nearly
from helpers.stages import STANDING_STILL, TRAINING, json_of, nothing_changes, refusal
from helpers.support import (
    TINY_SPACE,
    TINY_TRAINING,
    UNTRAINED_SET,
    assert_equal_states,
    invoke,
    make_checkpoint,
    succeed,
)

from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.family import format_widths
from ganc.results.hdf5 import read_results

METRIC = "untrained-conv3-v1"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


@pytest.fixture
def finetune(chain, out):
    """Return a function that fine-tunes a sub-network of the chain's supernet and reads the checkpoint."""

    def run(*options, training=TRAINING):
        arguments = ("--supernet", chain.supernet, "--teacher", chain.replace, "--data", chain.data)
        succeed("ganc-finetune", *arguments, *training, *options, "-o", out)
        return read_checkpoint(out)

    return run


@pytest.fixture
def refused(chain, out, tmp_path):
    """Return a function that gives the message of a run that must fail and leave nothing behind."""

    def run(*options, status=1, stdin=None):
        arguments = ("--supernet", chain.supernet, "--teacher", chain.replace, "--data", chain.data, *TRAINING)
        with nothing_changes(tmp_path):
            return refusal("ganc-finetune", *arguments, *options, "-o", out, status=status, stdin=stdin)

    return run


@pytest.mark.paddle26
def test_a_fine_tuned_sub_network_comes_out(chain):
    checkpoint = read_checkpoint(chain.finetune)
    supernet, teacher = read_checkpoint(chain.supernet), read_checkpoint(chain.replace)
    best = min(
        (row for row in read_results(chain.search) if row.macs <= 4_500_000), key=lambda row: row.metrics[METRIC]
    )
    assert checkpoint.stage == "finetune"
    assert checkpoint.generator.spec.widths == best.widths
    assert checkpoint.sources == {"supernet": supernet.digest, "teacher": teacher.digest}
    assert "space" not in checkpoint.training
    run = chain.folder / "finetune.safetensors.run"
    assert (run / "samples" / "0000000.png").is_file()
    assert (run / "samples" / "0000003.png").is_file()


@pytest.mark.paddle26
def test_a_run_that_makes_it_worse_keeps_the_sub_network_as_it_was(chain, finetune, out):
    widths = (4, 8, 8, 4, 8, 4, 8, 4)
    kept = finetune("--config", format_widths(widths), "--lr", "1")
    supernet = read_checkpoint(chain.supernet)
    assert kept.training["steps"] == 0
    assert_equal_states(kept.generator, supernet.generator.leading(supernet.generator.spec.narrowed(widths)))
    assert_equal_states(kept.networks["discriminator"], supernet.networks["discriminator"])
    options = ("--config", format_widths(widths), "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    (before,) = json_of("ganc", "evaluate", chain.supernet, *options)
    assert kept.training["metric"]["value"] == nearly(before["value"])
    last = json.loads((out.with_name(out.name + ".run") / "log.jsonl").read_text().splitlines()[-1])
    assert last["metrics"]["student"] > before["value"]


def test_of_all_evaluations_the_best_on_search_images_is_kept_with_its_metric_on_test_images(chain, finetune, out):
    """Six steps with an evaluation after each epoch of three: whichever it was, it is what the checkpoint says."""
    kept = finetune("--config", "8", "--eval-every", "1", "--seed", "2", training=TINY_TRAINING)
    lines = [*map(json.loads, (out.with_name(out.name + ".run") / "log.jsonl").read_text().splitlines())]
    chose = {line["step"]: line["choice"]["kernel"] for line in lines}  # 2 images are few
    assert chose.keys() == {0, 3, 6}
    steps, metric = kept.training["steps"], kept.training["metric"]
    assert chose[steps] == min(chose.values()) == metric["chosen_on"]["kernel"]
    assert (metric["subset"], metric["images"]) == ("testA", 4)
    assert (metric["chosen_on"]["subset"], metric["chosen_on"]["images"]) == ("searchA", 2)
    reported = {line["step"]: line["metrics"]["student"] for line in lines}
    assert metric["value"] == reported[steps]
    common = (*UNTRAINED_SET, "--device", "cpu")
    (measured,) = json_of("ganc", "evaluate", out, "--data", chain.data, *common)
    assert measured["value"] == nearly(metric["value"])


def test_a_choice_on_search_images_is_the_same_in_one_run_and_in_two(finetune, out):
    arguments = ("--config", "8", "--eval-every", "1", "--seed", "2")
    finetune(*arguments, "--max-steps", "3", training=TINY_TRAINING)
    finetune(*arguments, training=TINY_TRAINING)
    in_two = out.read_bytes()
    finetune(*arguments, "--restart", training=TINY_TRAINING)
    assert out.read_bytes() == in_two


def test_the_test_images_choose_where_they_are_asked_to_or_there_are_no_others(chain, tiny_data, out):
    arguments = ("--supernet", chain.supernet, "--teacher", chain.replace, *TINY_TRAINING, "--config", "8")
    common = ("ganc-finetune", *arguments, "--eval-every", "1", "--max-steps", "3", "-o", out)
    for data, asked in ((chain.data, ("--choose-on", "test")), (tiny_data, ())):
        said = succeed(*common, "--data", data, *asked, "--restart").stderr
        assert "chosen on testA, and its metric is of the same images" in said
        kept = read_checkpoint(out).training["metric"]
        assert kept["subset"] == "testA"
        assert "chosen_on" not in kept
    missing = refusal(*common, "--data", tiny_data, "--choose-on", "search", "--restart")
    assert "searchA" in missing
    other = refusal(*common, "--data", chain.data)  # resumes nothing that was chosen on other images
    assert "choice" in other


def test_bounds_and_rank_select_from_results(chain, finetune):
    rows = sorted(read_results(chain.search), key=lambda row: row.metrics[f"{METRIC}-kid"])  # 2 images are few
    params = sorted(row.params for row in rows)[len(rows) // 2]
    third = [row for row in rows if row.params <= params][2]
    options = ("--results", chain.search, "--max-params", params, "--rank", 3)
    assert finetune(*options, training=STANDING_STILL).generator.spec.widths == third.widths


def test_results_may_come_from_standard_input(chain, out):
    arguments = ("--supernet", chain.supernet, "--teacher", chain.replace, "--data", chain.data, *STANDING_STILL)
    content = chain.search.read_bytes()
    said = invoke("ganc-finetune", *arguments, "--results", "-", "-o", out, stdin=content)
    assert said.exit_code == 0, said.output
    best = min(read_results(chain.search), key=lambda row: row.metrics[f"{METRIC}-kid"])
    assert read_checkpoint(out).generator.spec.widths == best.widths


def test_results_of_another_supernet_are_refused(chain, refused, supernet_file, tiny_data, tmp_path):
    other = tmp_path / "other.h5"
    arguments = ("--supernet", supernet_file, "--data", tiny_data, *UNTRAINED_SET, "--samples", 2)
    succeed("ganc-search", *arguments, "-o", other)
    said = refused("--results", other)
    theirs, own = (read_checkpoint(path).digest[:16] for path in (supernet_file, chain.supernet))
    for word in (str(other), theirs, own):
        assert word in said


@pytest.mark.parametrize(
    ("options", "status", "named"),
    [
        ((), 2, "--config"),
        (("--config", "8", "--results", "search.h5"), 2, "--results"),
        (("--config", "8", "--max-macs", "1M"), 2, "--results"),
        (("--config", "8", "--rank", "2"), 2, "--results"),
        (("--config", "8_x"), 2, "'8_x'"),
        (("--config", "16"), 1, "16 at segment 0"),
        (("--config", "8_8_4_8_8_8"), 1, "4 at segment 2"),
        (("--config", "6_8_8_8_8_8"), 1, "6 at segment 0"),
        (("--results", "{search}", "--max-macs", "1M"), 1, "smallest possible of the 32"),
        (("--results", "{search}", "--max-latency", "5"), 1, "latency"),
        (("--results", "{search}", "--rank", "33"), 1, "--rank 33"),
        (("--results", "{supernet}"), 1, "supernet.safetensors"),
        (("--results", "absent.h5"), 1, "absent.h5"),
    ],
)
def test_a_sub_network_that_cannot_be_chosen_is_refused(chain, refused, options, status, named):
    filled = [option.format(search=chain.search, supernet=chain.supernet) for option in options]
    assert named in refused(*filled, status=status)


@pytest.mark.paddle26
def test_an_empty_pipe_and_one_of_something_else_are_refused(refused):
    assert "standard input was empty" in refused("--results", "-", stdin=b"")
    assert "HDF5" in refused("--results", "-", stdin=b"something else")


def test_another_stage_s_checkpoint_is_no_supernet(chain, tiny_data, out, tmp_path):
    arguments = ("--supernet", chain.distill, "--teacher", chain.replace, "--data", tiny_data, "--config", "8")
    with nothing_changes(tmp_path):
        said = refusal("ganc-finetune", *arguments, *TRAINING, "-o", out)
    assert str(chain.distill) in said
    assert "--supernet" in said


def test_a_teacher_of_another_depth_is_refused(supernet_file, tiny_data, out, tmp_path):
    write_checkpoint(tmp_path / "deep", make_checkpoint("replace", 8, n_blocks=9))
    arguments = ("--supernet", supernet_file, "--teacher", tmp_path / "deep", "--data", tiny_data, "--config", "8")
    with nothing_changes(tmp_path):
        said = refusal("ganc-finetune", *arguments, *TRAINING, "-o", out)
    assert said.startswith(f"{tmp_path / 'deep'}: the teacher has n_blocks 9 (8_8_8_8_8_8_8_8), the student 3 (")


def test_a_supernet_without_a_recorded_space_takes_any_width(tiny_data, teacher_file, out, tmp_path):
    """The space is an optional fact of a checkpoint."""
    supernet = make_checkpoint("supernet", 8)
    assert supernet.training["space"] == TINY_SPACE
    facts = {name: fact for name, fact in supernet.training.items() if name != "space"}
    foreign = type(supernet)(**{**vars(supernet), "training": facts})
    write_checkpoint(tmp_path / "foreign", foreign)
    arguments = ("--supernet", tmp_path / "foreign", "--teacher", teacher_file, "--data", tiny_data)
    succeed("ganc-finetune", *arguments, "--config", "5", *STANDING_STILL, "-o", out)
    assert read_checkpoint(out).generator.spec.widths == (5,) * 8
    wide = refusal("ganc-finetune", *arguments, "--config", "16", *STANDING_STILL, "-o", tmp_path / "wide")
    assert "16_16_16_16_16_16_16_16" in wide
