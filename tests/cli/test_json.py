"""--json, -q and -v: every result for programs, and as much beside it as was asked for."""

import contextlib
import json

import pytest
from helpers.images import save_random_image
from helpers.stages import OUTPUTS, TRAINING_TOOLS, json_of, listing, refusal
from helpers.support import SIZE, UNTRAINED_SET, invoke, succeed

from ganc.files.checkpoint import read_checkpoint

STAGES = [tool.removeprefix("ganc-") for tool in TRAINING_TOOLS]


def again(chain, stage, *options):
    """Run a stage of the chain again, which had finished."""
    with contextlib.chdir(chain.folder):
        return succeed(f"ganc-{stage}", *chain.arguments[stage], "-o", OUTPUTS[stage], *options)


@pytest.mark.parametrize("stage", STAGES)
def test_a_training_stage_prints_its_checkpoint_in_full(chain, stage):
    (row,) = json.loads(again(chain, stage, "--json").stdout)
    checkpoint = read_checkpoint(getattr(chain, stage))
    assert (row["file"], row["digest"]) == (OUTPUTS[stage], checkpoint.digest)
    # A finetuning keeps its best network, which on some processors is the one that it started from.
    assert row["steps"] == (checkpoint.training["steps"] if stage == "finetune" else 3)
    assert row["bytes"] == getattr(chain, stage).stat().st_size
    assert row["metric"] == checkpoint.training["metric"]
    assert row["macs"] == checkpoint.generator.spec.costs((SIZE, SIZE)).macs


def test_a_search_prints_its_best_rows_in_full(chain):
    said = json.loads(again(chain, "search", "--json", "--top", "2").stdout)
    assert said["subnets"] == 32
    assert said["best"] == json_of("ganc", "select", chain.search, "--top", "2")


def test_results_and_json_do_not_both_go_to_standard_output(chain):
    search = ("ganc-search", *chain.arguments["search"], "-o", "-")
    for command in (search, ("ganc", "merge", chain.search, "-o", "-")):
        with contextlib.chdir(chain.folder):
            assert "standard output" in refusal(*command, "--json", status=2)


def test_an_export_prints_every_variant_in_full(chain, tmp_path):
    options = ("--checkpoint", chain.finetune, "--data", chain.data, *UNTRAINED_SET, "--format", "onnx")
    said = json_of("ganc-export", *options, "-o", tmp_path / "dist")
    checkpoint, variant = said["files"]
    assert (variant["format"], variant["precision"]) == ("onnx", "f32")
    assert 0 <= variant["difference"]["mean"] <= variant["difference"]["largest"] < 1e-3
    assert checkpoint["metric"]["distance"] == pytest.approx(variant["metric"]["distance"], rel=1e-3)
    assert said["untouched"]["images"] == checkpoint["metric"]["images"] == 4


def test_a_report_prints_what_it_shows_and_lacks(chain, tmp_path):
    output = tmp_path / "report.html"
    said = json_of("ganc", "report", chain.folder, "-o", output)
    assert (said["file"], said["bytes"]) == (str(output), output.stat().st_size)
    assert {path.name for path in (chain.replace, chain.export)} <= {*said["files"]}
    assert said["searches"] == [chain.search.name]
    assert {"subject": "times on several engines", "reason": "ganc bench … --json > bench.json"} in said["missing"]


def test_tools_print_what_they_did_in_full(chain, tmp_path):
    statistics = tmp_path / "b.npz"
    said = json_of("ganc", "stats", "--data", chain.data, "--size", SIZE, *UNTRAINED_SET, "-o", statistics)
    assert (said["bytes"], said["images"]) == (statistics.stat().st_size, 10)
    small = tmp_path / "small.safetensors"
    said = json_of("ganc", "extract", chain.replace, "--network", "generator", "-o", small)
    assert (said["networks"], said["digest"]) == (["generator"], read_checkpoint(small).digest)
    assert json_of("ganc", "merge", chain.search, "-o", tmp_path / "all.h5")["subnets"] == 32
    assert json_of("ganc", "plot", chain.search, "-o", tmp_path / "front.svg")["subnets"] == 32
    save_random_image(tmp_path / "image.png")
    said = json_of("ganc", "translate", chain.finetune, tmp_path / "image.png", "-o", tmp_path / "out.png")
    assert said["images"] == [{"image": str(tmp_path / "image.png"), "output": str(tmp_path / "out.png")}]


def test_data_tools_print_what_they_did_in_full(tmp_path):
    folder = tmp_path / "data"
    said = json_of("ganc", "data", "demo", folder, "--train", "3", "--test", "1", "--size", SIZE)
    assert said["images"] == {"trainA": 3, "trainB": 3, "testA": 1, "testB": 1}
    assert json_of("ganc", "data", "check", folder)["problems"] == 0
    assert json_of("ganc", "data", "split", folder, "--search", "1")["train"] == 2
    next((folder / "testA").iterdir()).write_bytes(b"broken")
    done = invoke("ganc", "data", "check", folder, "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["problems"]) == (1, 1)
    assert found["findings"][0]["subset"] == "testA"


def test_a_quiet_command_says_its_result_alone_and_a_verbose_one_all_settings(chain):
    before = listing(chain.folder)
    quiet, plain, verbose = (again(chain, "distill", *options) for options in (("-q",), (), ("-v",)))
    assert quiet.stderr == ""
    assert quiet.stdout == plain.stdout == verbose.stdout
    assert "already finished" in plain.stderr
    assert "  stage: distill\n" in verbose.stderr
    assert "  stage: distill\n" not in plain.stderr
    assert listing(chain.folder) == before


def test_a_quiet_command_still_warns(chain, tiny_data, tmp_path):
    options = ("--supernet", chain.supernet, "--data", tiny_data, *UNTRAINED_SET, "--samples", "1", "-q")
    (line,) = succeed("ganc-search", *options, "-o", tmp_path / "search.h5").stderr.splitlines()
    assert line.startswith("warning: ")
