"""The stages as functions: they write what their commands write, and refuse what these refuse."""

import os
import signal

import pytest
from helpers.stages import NETWORKS, SPACE, TRAINING
from helpers.support import UNTRAINED, succeed

import ganc
import ganc_distill
import ganc_export
import ganc_finetune
import ganc_replace
import ganc_search
import ganc_supernet
from ganc.demo.dataset import write_demo_set
from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint


def keywords(words) -> dict:
    """Return a command's options as keyword arguments."""
    return {
        name.removeprefix("--").replace("-", "_"): int(value) if value.isdigit() else _real(value)
        for name, value in zip(words[::2], words[1::2], strict=True)
    }


def _real(value: str):
    try:
        return float(value)
    except ValueError:
        return value


TRAINED = keywords(TRAINING)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.safetensors"


@pytest.mark.parametrize("stage", ["replace", "distill", "supernet", "finetune"])
def test_a_stage_writes_what_its_command_writes(chain, out, stage):
    teacher, student, supernet = (str(path) for path in (chain.replace, chain.distill, chain.supernet))
    train, own = {
        "replace": (ganc_replace.train, keywords(NETWORKS)),
        "distill": (ganc_distill.train, {"teacher": teacher, "width": 8}),
        "supernet": (ganc_supernet.train, {"teacher": teacher, "student": student, "space": SPACE}),
        "finetune": (
            ganc_finetune.train,
            {"teacher": teacher, "supernet": supernet, "results": chain.search, "max_macs": "4.5M"},
        ),
    }[stage]
    seen = []
    made = train(**own, **TRAINED, data=chain.data, output=out, watch=lambda progress: seen.append(progress.step))
    assert out.read_bytes() == getattr(chain, stage).read_bytes()
    assert made.digest == read_checkpoint(out).digest
    assert seen == [1, 2, 3]
    again = train(**own, **TRAINED, data=chain.data, output=out, watch=lambda progress: seen.append("again"))
    assert (again.digest, seen) == (made.digest, [1, 2, 3])


def test_a_stage_has_the_defaults_of_its_command(chain, tmp_path):
    """The recipe's too: how many images a student is refitted on, its losses, its average."""
    schedule = {"load_size": 36, "crop_size": 32, "batch_size": 2, "max_steps": 1, "device": "cpu"}
    options = {**schedule, "teacher": chain.replace, "width": 4, "feature_set": UNTRAINED}
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    succeed("ganc-distill", *words, "--data", chain.data, "-o", tmp_path / "command.safetensors")
    ganc_distill.train(**options, data=chain.data, output=tmp_path / "function.safetensors")
    assert (tmp_path / "function.safetensors").read_bytes() == (tmp_path / "command.safetensors").read_bytes()


def test_ctrl_c_saves_the_state_and_the_same_call_goes_on(chain, out):
    """As `ganc.GancError`, not as KeyboardInterrupt somewhere in a step."""
    options = {**keywords(NETWORKS), **TRAINED, "data": chain.data, "output": out}
    seen = []

    def interrupt(progress):
        seen.append(progress.step)
        if progress.step == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(ganc.GancError, match="stopped at step 2 of 3"):
        ganc_replace.train(**options, watch=interrupt)
    assert not out.exists()
    ganc_replace.train(**options, watch=interrupt)
    assert seen == [1, 3]
    assert out.read_bytes() == chain.replace.read_bytes()


def test_a_search_finds_what_its_command_finds(chain, tmp_path):
    options = {"supernet": chain.supernet, "data": chain.data, "feature_set": UNTRAINED, "device": "cpu"}
    seen = []
    rows = ganc_search.find_subnets(
        **options, samples=3, max_macs="4.5M", output=tmp_path / "out.h5", watch=lambda one: seen.append(one.row.widths)
    )
    wanted = {row.widths: row.metrics for row in ganc.select(chain.search)}
    assert {row.widths: row.metrics for row in rows} == {row.widths: pytest.approx(wanted[row.widths]) for row in rows}
    assert sorted(seen) == sorted(row.widths for row in rows)
    assert rows == ganc.select(tmp_path / "out.h5")
    write_demo_set(tmp_path / "data", train=4, test=12, size=32)
    options["data"] = tmp_path / "data"
    raced = ganc_search.find_subnets(**options, samples=3, racing=True, racing_keep=0.5, output=tmp_path / "raced.h5")
    assert [row.images for row in raced] == [12, 12]
    with pytest.raises(ganc.GancError, match="output is missing"):
        ganc_search.find_subnets(**options)


def test_an_export_is_that_of_the_command(chain, tmp_path):
    made = ganc_export.export_model(checkpoint=chain.finetune, output=tmp_path / "dist", format="onnx", io="uint8")
    assert [one.variant.name for one in made.variants] == ["onnx/generator.onnx"]
    card = read_card(tmp_path / "dist")
    assert card["sources"] == {"checkpoint": read_checkpoint(chain.finetune).digest}
    assert (card["input"]["dtype"], card["input"]["layout"]) == ("uint8", "NHWC")
    widths = [4, 8, 8, 4, 8, 4, 8, 4]
    ganc_export.export_model(supernet=chain.supernet, config=widths, output=tmp_path / "dist", format=["onnx"])
    assert ganc.load(tmp_path / "dist").spec.widths == tuple(widths)


OUTPUT = {"data": "data", "output": "out.safetensors"}


@pytest.mark.parametrize(
    ("function", "options", "said"),
    [
        (ganc_distill.train, {"datta": "data"}, "ganc_distill.train: there is no option datta; did you mean data?"),
        (ganc_distill.train, {"nonsense": 1}, "there is no option nonsense; it has amp, batch_size"),
        (ganc_replace.train, {"output": "out"}, "ganc_replace.train: data is missing, which has no default"),
        (ganc_distill.train, OUTPUT, "--teacher: there is nothing to learn from"),
        (ganc_replace.train, {**OUTPUT, "crop_size": "64"}, "crop_size (='64'): expected 2 numbers"),
        (ganc_replace.train, {**OUTPUT, "epochs": 1.5}, "epochs (=1.5): expected a whole number"),
        (ganc_replace.train, {**OUTPUT, "epochs": True}, "epochs (=True): expected a whole number"),
        (ganc_replace.train, {**OUTPUT, "lr": "fast"}, "lr (='fast'): expected a number"),
        (ganc_replace.train, {**OUTPUT, "lr": -1}, "learning_rate (=-1.0): expected above 0"),
        (ganc_replace.train, {**OUTPUT, "shuffle": "no"}, "shuffle (='no'): expected True or False"),
        (ganc_replace.train, {**OUTPUT, "data": 3}, "data (=3): expected a path"),
        (ganc_replace.train, {**OUTPUT, "resize": "tiny"}, "resize (='tiny'): expected both or shorter or none"),
        (ganc_replace.train, {**OUTPUT, "direction": "AtoC"}, "direction (='AtoC'): expected AtoB or BtoA"),
        (ganc_replace.train, {**OUTPUT, "recipe": "soup"}, "recipe (='soup'): expected imitate or published"),
        (ganc_distill.train, {**OUTPUT, "online": True, "recipe": "imitate"}, "imitate: online has the published"),
        (ganc_distill.train, {**OUTPUT, "loss": "lite=1"}, "'lite=1': expected NAME=WEIGHT"),
        (ganc_distill.train, {**OUTPUT, "widths": ["8_8"]}, "8_8"),
        (ganc_export.export_model, {"output": "out"}, "name a generator with --checkpoint, or a supernet"),
        (ganc_export.export_model, {"output": "out", "checkpoint": "a", "format": "tflite"}, "(='tflite'): expected"),
        (ganc_export.export_model, {"output": "out", "checkpoint": "a", "feature_set": "x"}, "name the images with"),
        (ganc_export.export_model, {"output": "out", "checkpoint": "a", "title": "x"}, "of the format web alone"),
        (ganc_export.export_model, {"output": "out", "supernet": "a"}, "--supernet needs --config or --results"),
        (ganc_export.export_model, {"output": "out", "checkpoint": "a", "max_macs": "x"}, "budget (='x') is not"),
        (ganc_search.find_subnets, {**OUTPUT, "supernet": "a", "samples": 0}, "samples (=0): expected at least 1"),
        (ganc_search.find_subnets, {**OUTPUT, "supernet": "a", "racing_keep": 0.5}, "racing_keep needs --racing"),
        (ganc_search.find_subnets, {**OUTPUT, "supernet": "a", "mutation": 0.0}, "mutation needs --strategy evolution"),
        (ganc_supernet.train, {**OUTPUT, "teacher": "t", "student": "s", "refit": 9}, "refit has no effect beside"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_wrong_argument_is_named_before_anything_is_read(function, options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ganc.GancError) as caught:
        function(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir() == []
