"""The workflow: what its configuration may say, where it runs, and what it does again after a change."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from helpers.pages import Page, require_sound
from helpers.pipelines import SMALL, changed, commands, configured, dry_run, snakemake
from helpers.support import succeed

from ganc.files.checkpoint import read_checkpoint
from ganc.workflow.configuration import Configuration
from ganc.workflow.stage_options import ConfigurationError

ROOT = Path(__file__).parents[2]

OLD_NAMES = {"pictures": "images", "search_pictures": "search_images"}
CONFIGURATION = """
out: made
data: source
{search_images}: 7
{images}: {{crop-size: 40, batch-size: 3}}
replace: {{width: 5}}
search: {{shards: 2}}
"""


def planned(folder: Path, **keys: str) -> subprocess.CompletedProcess:
    """Return a dry run of the whole workflow, which prints every command that it would run."""
    (folder / "source").mkdir(parents=True)
    (folder / "settings.yaml").write_text(CONFIGURATION.format(**keys))
    return dry_run(folder, "--configfile", "settings.yaml")


def test_keys_that_had_another_name_still_work_and_are_said(tmp_path):
    new = planned(tmp_path / "new", images="images", search_images="search_images")
    old = planned(tmp_path / "old", images="pictures", search_images="search_pictures")
    assert any("ganc-replace" in line and "--crop-size 40" in line for line in commands(new))
    assert any("--search 7" in line for line in commands(new))
    assert commands(old) == commands(new)
    for before, now in OLD_NAMES.items():
        line = f"{before} is now called {now}"
        assert old.stderr.count(line) == 1
        assert line not in new.stderr


@pytest.mark.parametrize(
    ("name", "target", "command"),
    [
        ("demo", "all", "ganc-replace"),
        ("demo-teacher", "original", "ganc extract"),
        ("facades-cpu", "all", "ganc-replace"),
        ("horse2zebra-cpu", "all", "ganc-replace"),
        ("horse2zebra", "all", "ganc-replace"),
        ("pix2pix-demo", "all", "ganc data demo"),
        ("real-generator", "all", "ganc-distill"),
    ],
)
def test_every_configuration_can_be_planned(name, target, command, tmp_path):
    for folder in ("images", "workflow"):
        (tmp_path / folder).mkdir()
    for file in ("workflow/demo-teacher.safetensors", "net_G.pth"):
        (tmp_path / file).touch()
    given = ("--config", "data=images", *(["teacher=net_G.pth"] if name == "real-generator" else []))
    run = dry_run(tmp_path, target, "--configfile", ROOT / "workflow" / f"{name}.yaml", *given)
    assert run.returncode == 0, run.stderr
    assert command in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"out": None}, "names no folder to write"),
        ({"data": None}, "names no images"),
        ({"data": "absent"}, "data: absent: no such folder"),
        ({"teacher": "absent.pth"}, "teacher: absent.pth: no such file"),
        *[
            ({key: "a{b}"}, f"{key}: a{{b}}: Snakemake takes braces for wildcards; choose another name")
            for key in ("out", "data", "teacher", "start")
        ],
        (changed("replace", init_from="a{b}"), "replace: init-from: a{b}: Snakemake takes braces"),
        ({"supernets": {}}, "no key supernets; did you mean supernet?"),
        ({"supernet": 5}, "supernet: 5: expected options"),
        ({"search_images": "many"}, "search_images: many: expected a whole number"),
        ({"threads": 0}, "threads: 0: expected a whole number from 1 on"),
        ({"feature-set": "nothing"}, "feature-set: feature set (='nothing') is not known"),
        ({"check": {"teachers": 1}}, "check has no limit teachers; did you mean teacher?"),
        ({"check": {"teacher": "good"}}, "check: teacher: good: expected a number"),
        (changed("search", shards=0), "search: shards: 0: expected a whole number from 1 on"),
        (changed("supernet", epoch=2), "supernet: ganc-supernet has no option epoch; did you mean epochs?"),
        (changed("images", refit=2), "images: ganc-finetune has no option refit"),
        (changed("supernet", epochs="two"), "supernet: Invalid value for '--epochs': 'two'"),
        (changed("supernet", epochs=None), "supernet: epochs: expected a value"),
        (changed("supernet", epochs=True), "supernet: epochs: True: expected a value"),
        (changed("supernet", restart="maybe"), "supernet: restart: maybe: expected true or false"),
        (changed("supernet", epochs="on"), "supernet: epochs: on: expected a value"),
        (changed("supernet", epochs=[1, 2]), "supernet: epochs: [1, 2]: expected one value"),
        (changed("replace", init_from=["a", "b"]), "replace: init-from: ['a', 'b']: expected one value"),
        *[
            (changed("distill", **{name: value}), f"distill: {name.replace('_', '-')}: is for a call by hand")
            for name, value in {
                **dict.fromkeys(("version", "dry_run", "json", "debug"), True),
                "defaults": "settings.yaml",
            }.items()
        ],
        (changed("images", dry_run=True), "images: dry-run: is for a call by hand"),
        (changed("distill", restart_if_changed=True), "distill: restart-if-changed: is what the workflow itself says"),
        (changed("supernet", epochs=0), "supernet: epochs and decay epochs are both 0"),
        (changed("images", batch_size=0), "images: Invalid value for '--batch-size': 0"),
        (changed("images", direction="AtoC"), "images: direction 'AtoC', expected one of AtoB, BtoA"),
        (changed("finetune", direction="AtoB"), "finetune: direction: is that of all stages"),
        (changed("finetune", stats="x"), "finetune: stats: is what the workflow itself says"),
        (changed("finetune", feature_set="x"), "finetune: feature-set: is that of all stages"),
        (changed("finetune", config="8"), "finetune: name a sub-network with --config, or select"),
        (changed("replace", init_from="absent"), "replace: init-from: absent: no such file"),
        (changed("distill", widths=16161212), "distill: widths: 16161212: YAML takes"),
        (changed("search", strategy="evolution", shards=2, samples=None), "search: samples: expected a value"),
        (changed("export", format=["onnxx"]), "export: Invalid value for '--format'"),
        ({"demo": {"train": "x"}}, "demo: Invalid value for '--train'"),
        ({"search": {"strategy": "evolution", "shards": 2}}, "search: --strategy evolution has no shards"),
        ({"search": {"population": 8}}, "search: --population needs --strategy evolution"),
        (changed("supernet", refit=4), "supernet: --refit has no effect beside --student"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, changes, said):
    values = yaml.safe_load(configured(tmp_path, **changes).read_text())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        Configuration(values, []).check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"), [({}, "--configfile"), (changed("supernet", epoch=2), "did you mean epochs?")]
)
def test_what_is_wrong_ends_snakemake_before_the_first_rule(tmp_path, changes, said):
    run = dry_run(tmp_path, *(["--configfile", configured(tmp_path, **changes)] if changes else []))
    assert run.returncode == 1
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    assert said in line
    assert run.stdout == ""


def test_values_of_the_command_line_arrive_as_text(tmp_path):
    path = configured(tmp_path, search=None, search_images=None, supernet=None, export=None)
    text = ["search={shards: 2, samples: 4, max-macs: 3M}", "search_images=1", "export={format: [onnx, paddle]}"]
    text += ["supernet={restart: true, shuffle: false, epochs: 3}"]
    run = dry_run(tmp_path, "--configfile", path, "--config", *text)
    assert run.returncode == 0, run.stderr
    said = run.stdout + run.stderr
    for part in ("--shard 1/2", "--shard 2/2", "--search 1 ", "--format onnx --format paddle", " --restart --epochs 3"):
        assert part in said
    assert "--shuffle" not in said


def test_braces_of_a_text_are_no_wildcards(tmp_path):
    export = {"format": ["web"], "title": "from {one} to {two}"}
    run = dry_run(tmp_path, "--configfile", configured(tmp_path, export=export))
    assert run.returncode == 0, run.stderr
    assert "--title 'from {one} to {two}'" in run.stdout + run.stderr


@pytest.mark.parametrize("out", ["of dad's", 'a "b" c', "$HOME; true", "./plain/", "ä 馬"])
def test_any_name_of_a_folder_is_a_part_of_one_word(tmp_path, out):
    plain = os.path.normpath(out)
    source = f"{plain} source"
    (tmp_path / source).mkdir()
    said = commands(dry_run(tmp_path, "--configfile", configured(tmp_path, out=out, data=source)))
    assert len(said) >= 9
    for line in said:
        named = [word for word in shlex.split(line) if word.startswith(plain)]
        assert named
        assert all(word in (source, plain) or word.startswith(plain + "/") for word in named), line


def test_an_executor_need_not_name_cores(tmp_path):
    no_cores = "import snakemake.cli, snakemake.workflow as w; w.Workflow._cores = property(lambda self: None)"
    for options, threads in (((), None), (("--config", "threads=3"), 3)):
        path = configured(tmp_path)
        run = snakemake(tmp_path, "--configfile", path, *options, "--dry-run", "--cores", "8", preamble=no_cores)
        assert run.returncode == 0, run.stderr
        assert (f"threads: {threads}" in run.stdout + run.stderr) == bool(threads)


def test_pairs_are_set_aside_and_checked_as_pairs(tmp_path):
    succeed("ganc", "data", "demo", tmp_path / "source", "--paired", "--train", 4, "--test", 2, "--size", 16)
    path = configured(tmp_path, replace={**SMALL["replace"], "task": "pix2pix"})
    run = snakemake(tmp_path, "images", "--configfile", path, "--cores", "1")
    assert run.returncode == 0, run.stderr
    names = {kind: (tmp_path / "out" / "data" / f"{kind}.txt").read_text().split() for kind in ("train", "search")}
    assert [len(found) for found in names.values()] == [2, 2]
    assert sorted(names["train"] + names["search"]) == (tmp_path / "source" / "train.txt").read_text().split()


def test_the_direction_is_that_of_all_stages(tmp_path):
    images = changed("images", direction="BtoA", resize="none")
    said = commands(dry_run(tmp_path, "--configfile", configured(tmp_path, **images)))
    (statistics,) = [line for line in said if line.startswith("ganc stats")]
    assert "--domain A" in statistics
    assert "--resize none" in statistics
    assert any("--search 2 --domain B" in line for line in said)
    for stage in ("replace", "distill", "supernet", "search", "finetune"):
        assert any(line.startswith(f"ganc-{stage}") and "--direction BtoA" in line for line in said)


def test_what_a_stage_starts_from_is_made_first(tmp_path):
    start = changed("replace", init_from="out/original.safetensors")
    original = {"original": {"width": 8, "n-blocks": 3, "max-steps": 1}}
    run = dry_run(tmp_path, "--configfile", configured(tmp_path, **start, **original))
    said = commands(run)
    assert any("--block resnet --restart-if-changed" in line for line in said)
    assert any("--init-from out/original.safetensors" in line for line in said)
    assert "--original=out/original.safetensors" in run.stdout + run.stderr


def test_a_file_of_an_original_is_what_stage_1_starts_from_and_the_student_may_be_the_result(tmp_path):
    (tmp_path / "net_G.pth").touch()
    path = configured(tmp_path, start="net_G.pth", stages="distill")
    run = dry_run(tmp_path, "--configfile", path)
    said = commands(run)
    ran = [line.split()[0] for line in said]
    assert not {"ganc-supernet", "ganc-search", "ganc-finetune"} & {*ran}
    assert any(line.startswith("ganc-replace") and "--init-from out/original.safetensors" in line for line in said)
    assert any(line.startswith("ganc-distill") and "--teacher out/replace.safetensors" in line for line in said)
    assert "ganc import net_G.pth" in run.stdout + run.stderr
    assert "ganc-export --checkpoint out/distill.safetensors" in run.stdout + run.stderr


def test_what_is_to_be_read_is_also_found_in_the_clone(tmp_path):
    run = dry_run(tmp_path, "--configfile", ROOT / "workflow" / "demo.yaml")
    assert any(f"--init-from {ROOT}/workflow/demo-teacher.safetensors" in line for line in commands(run))


def test_a_change_does_again_what_depends_on_it_and_nothing_else(tmp_path):
    """The whole pipeline, from another folder, with names that a shell would take apart."""
    folder = tmp_path / "dad's $HOME"
    out = folder / 'out "1"'
    succeed("ganc", "data", "demo", folder / "source", "--train", 8, "--test", 4, "--size", 48)

    def run(**changes):
        path = configured(folder, out=out.name, **changes)
        done = snakemake(folder, "--cores", "1", "--configfile", path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rules(said):
        return set(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE))

    assert len(rules(run())) == 13
    assert "exported" in (out / "report.md").read_text()
    require_sound(page := Page(out / "report.html"))
    assert "fine-tuned" in page.text
    assert "Nothing to be done" in run()
    before = {stage: (out / f"{stage}.safetensors").read_bytes() for stage in ("replace", "supernet", "finetune")}
    longer = changed("supernet", epochs=2)
    said = run(**longer)
    assert rules(said) == {"supernet", "search_shard", "search", "plot", "finetune", "export", "report", "page", "all"}
    assert "epochs was 1, now 2" in said
    assert "Nothing to be done" in run(**longer)
    after = {stage: read_checkpoint(out / f"{stage}.safetensors") for stage in before}
    assert after["finetune"].sources["supernet"] == after["supernet"].digest
    assert (out / "replace.safetensors").read_bytes() == before["replace"]


def test_the_demos_original_is_small_and_the_one_that_its_configuration_names():
    path = ROOT / "workflow" / "demo-teacher.safetensors"
    assert path.stat().st_size <= 3_000_000
    assert read_checkpoint(path).digest in (ROOT / "workflow" / "demo-teacher.yaml").read_text()


@pytest.mark.parametrize(("task", "ways"), [(None, ["generator", "generator_b"]), ("pix2pix", ["generator"])])
def test_an_original_is_what_its_task_has_generators_for(tmp_path, task, ways):
    original = {"width": 5} | ({"task": task} if task else {})
    (tmp_path / "source").mkdir()
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"out": "made", "data": "source", "original": original}))
    (said,) = [
        one for one in commands(dry_run(tmp_path, "original", "--configfile", "settings.yaml")) if "extract" in one
    ]
    assert re.findall(r"--network (\S+)", said) == ways
