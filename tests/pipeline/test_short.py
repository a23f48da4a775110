"""The short pipeline: a teacher of any kind straight into the supernet, without stages 1 and 2."""

import shlex
from pathlib import Path

import pytest
import yaml
from helpers.pipelines import commands, configured, dry_run
from helpers.support import UNTRAINED, succeed

from ganc.files.checkpoint import read_checkpoint
from ganc.workflow.configuration import Configuration
from ganc.workflow.networks import Networks
from ganc.workflow.stage_options import ConfigurationError

ROOT = Path(__file__).parents[2]
DEMO = yaml.safe_load((ROOT / "workflow" / "short-demo.yaml").read_text())


def short(folder, **changes):
    return configured(folder, stages="short", replace=None, distill=None, **changes)


def test_a_file_goes_straight_into_the_supernet(tmp_path):
    (tmp_path / "net_G.pth").touch()
    run = dry_run(tmp_path, "--configfile", short(tmp_path, teacher="net_G.pth"))
    said = commands(run)
    assert not {"ganc-replace", "ganc-distill"} & {line.split()[0] for line in said}
    (supernet,) = [shlex.split(line) for line in said if line.startswith("ganc-supernet")]
    assert "--student" not in supernet
    assert supernet[supernet.index("--teacher") + 1] == "out/teacher.safetensors"
    whole = run.stdout + run.stderr
    assert "ganc import net_G.pth" in whole
    assert "ganc-export --checkpoint out/finetune.safetensors" in whole
    assert "--models out/teacher.safetensors out/finetune.safetensors out/dist" in whole


def test_without_a_file_an_original_or_stage_1_makes_the_teacher(tmp_path):
    original = {"original": {"width": 8, "n-blocks": 3, "max-steps": 1}}
    said = commands(dry_run(tmp_path, "--configfile", short(tmp_path, **original)))
    assert sum(line.startswith("ganc-replace") for line in said) == 1
    assert any("--teacher out/original-with-discriminators.safetensors" in line for line in said)
    for replaced, maker in ((None, "original"), ({"width": 8}, "replace")):
        values = yaml.safe_load(configured(tmp_path, stages="short", distill=None, replace=replaced).read_text())
        assert Configuration(values | original, []).teacher_from == maker


def test_the_published_settings_can_be_planned(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "net_G.pth").touch()
    given = ("--config", "data=images", "teacher=net_G.pth")
    said = commands(dry_run(tmp_path, "--configfile", ROOT / "workflow" / "short.yaml", *given))
    (supernet,) = [line for line in said if line.startswith("ganc-supernet")]
    assert "--sampling weighted" in supernet
    assert any("--strategy evolution" in line and "--objective metric" in line for line in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": "shorter"}, "stages: shorter: expected all, distill or short"),
        ({"distill": {"width": 8}}, "distill: stages is short, which has no student; leave one of the two out"),
        ({"supernet": {"space": "/".join(["8,4"] * 8), "student": "x"}}, "student: is what the workflow itself says"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, changes, said):
    values = yaml.safe_load(short(tmp_path).read_text()) | changes
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        Configuration(values, []).check()
    assert said in str(caught.value)


def test_the_demo_runs_through_its_stages_small(tmp_path, tiny_data):
    """Its own options, but for the size of images, the metric and the number of steps."""
    teacher = ROOT / "workflow" / "demo-teacher.safetensors"
    images = {**DEMO["images"], "load-size": 36, "crop-size": 32, "engine": "paddle", "workers": 0, "max-steps": 1}
    values = {**DEMO, "out": str(tmp_path), "teacher": str(teacher), "images": images, "feature-set": UNTRAINED}
    values["supernet"] = {**DEMO["supernet"], "refit": 2, "loss": ["ssim=1"]}
    values["search"] = {"max-macs": "12M", **{k: v for k, v in DEMO["search"].items() if k != "max-macs"}}
    values["search"] |= {"population": 3, "generations": 1}
    values["finetune"] = {**DEMO["finetune"], "max-macs": "12M", "loss": ["ssim=1"]}
    configuration = Configuration(values, [ROOT])
    configuration.check()
    files = {"teacher": teacher, "data": tiny_data}

    def run(stage, given, ending):
        output = tmp_path / f"{stage}.{ending}"
        words = [part for name in given for part in (f"--{name}", files[name])]
        options = [*words, "--feature-set", UNTRAINED, *shlex.split(configuration.options(stage))]
        succeed(f"ganc-{stage}", *options, "-o", output)
        files["results" if stage == "search" else stage] = output
        return output

    supernet = read_checkpoint(run("supernet", ("teacher", "data"), "safetensors"))
    assert supernet.sources == {"teacher": read_checkpoint(teacher).digest}
    assert (supernet.training["sampling"], supernet.training["start_from"]) == ("weighted", "teacher")
    assert supernet.generator.spec.block == "mobile"
    run("search", ("supernet", "data"), "h5")
    result = read_checkpoint(run("finetune", ("supernet", "teacher", "results", "data"), "safetensors"))
    assert result.generator.spec.costs((32, 32)).macs <= 12_000_000

    networks = Networks.of(configuration, read_checkpoint(teacher).generator.spec)
    assert [*networks.trained] == ["supernet", "finetune"]
    assert networks.trained["supernet"] == supernet.generator.spec
    assert networks.teacher.block == "resnet"
