"""The workflow on clusters: the rules as jobs of a submit command, and as those of Slurm with the project's profile."""

import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from helpers.support import PATIENCE, SIZE, UNTRAINED, UNTRAINED_SET, succeed

from ganc.results.hdf5 import read_results
from ganc.results.search_results import merge_results

pytest.importorskip("snakemake", reason="the workflow runs on Snakemake, which is an extra")
ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "workflow" / "profiles" / "slurm"

SCALING, SEARCH = ((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("scaling", "search"))

# A cluster of one machine: it writes down what it is asked for, starts the job and says its number.
SUBMIT = """#!/bin/sh
echo "$1" >> submitted.txt
sh "$2" > job.$$.log 2>&1 &
echo $!
"""


@pytest.fixture
def trained(tmp_path, tiny_data, teacher_file, student_file, supernet_file) -> Path:
    """The folder of a pipeline whose search comes next, with the configuration in settings.yaml."""
    out = tmp_path / "out"
    shutil.copytree(tiny_data, out / "data")
    (tmp_path / "source").mkdir()
    (out / "data" / "checked").touch()
    size = ("--size", SIZE)
    succeed("ganc", "stats", "--data", out / "data", "--domain", "B", *size, *UNTRAINED_SET, "-o", out / "real_B.npz")
    for stage, file in (("replace", teacher_file), ("distill", student_file), ("supernet", supernet_file)):
        shutil.copy(file, out / f"{stage}.safetensors")
    search = {"samples": 4, "shards": 2, "device": "cpu"}
    options = {"supernet": {"space": "/".join(["8,4"] * 8)}, "search": search, "feature-set": UNTRAINED}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"out": "out", "data": "source", **options}))
    return tmp_path


def snakemake(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    workflow = ("--snakefile", ROOT / "workflow" / "Snakefile", "--configfile", "settings.yaml")
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--nocolor", *map(str, (*arguments, *workflow))],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_cluster_generic") is None,
    reason="needs the package snakemake-executor-plugin-cluster-generic",
)
def test_the_rules_run_as_jobs_of_a_submit_command_and_shards_as_a_group(trained):
    (trained / "submit").write_text(SUBMIT)
    (trained / "submit").chmod(0o755)
    asked = "./submit 'cores {threads} memory {resources.mem_mb} GPUs {resources.gpu}'"
    options = ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", asked, "--jobs", 4)
    options += ("--default-resources", "mem_mb=700", "gpu=0", "--set-resources", "search_shard:gpu=1")
    options += ("--set-threads", "search_shard=2")
    options += ("--groups", "search_shard=shards", "--group-components", "shards=2")
    parts = [f"out/shards/{part}of2.h5" for part in (1, 2)]
    done = snakemake(trained, *parts, *options)
    logs = "".join(path.read_text() for path in trained.glob("job.*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    # One job with both shards side by side.
    assert (trained / "submitted.txt").read_text() == "cores 4 memory 1400 GPUs 2\n"
    assert len(merge_results([read_results(trained / part) for part in parts])) == 4


def slurm_answers() -> bool:
    try:
        return subprocess.run(["sinfo", "--noheader"], capture_output=True, timeout=10, check=False).stdout != b""
    except (OSError, subprocess.TimeoutExpired):
        return False


@pytest.mark.skipif(
    find_spec("snakemake_executor_plugin_slurm") is None or not slurm_answers(),
    reason="needs a Slurm cluster that answers, and the package snakemake-executor-plugin-slurm",
)
def test_with_the_profile_the_shards_are_one_array_of_slurm(trained):
    small = ("--set-resources", "search_shard:mem_mb=2000", "--slurm-init-seconds-before-status-checks", 5)
    small += ("--slurm-status-command", "squeue")  # which needs no accounting database
    done = snakemake(trained, "out/search.h5", "--profile", PROFILE, *small, "--verbose")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert " --array=1-2 " in said
    assert " --mem 2" in said
    assert "--cpus-per-task=2" in said
    assert len(read_results(trained / "out" / "search.h5")) == 4


def test_the_profile_names_rules_and_settings_that_there_are(trained):
    """What it says of a rule that there is not, Snakemake would pass over in silence."""
    profile = yaml.safe_load((PROFILE / "config.v8+.yaml").read_text())
    rules = set(re.findall(r"^ *rule (\w+):", (files("ganc.workflow") / "Snakefile").read_text(), re.MULTILINE))
    named = {*profile["set-threads"], *profile["set-resources"], profile["slurm-array-jobs"]}
    assert named <= rules
    assert profile["jobs"] > profile["slurm-array-limit"]  # else an array would wait for shards that are never ready


def test_the_manifest_of_a_kubernetes_job_has_a_part_for_each_pod():
    (text,) = re.findall(r"^```yaml\n(.*?)^```", SCALING, re.MULTILINE | re.DOTALL)
    job = yaml.safe_load(text)["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert job["completionMode"] == "Indexed"
    assert f"--shard $((JOB_COMPLETION_INDEX + 1))/{job['completions']} " in container["args"][0]
    # The limit is a share of time, which a process does not see in the cores that it may use.
    (threads,) = (one["value"] for one in container["env"] if one["name"] == "OMP_NUM_THREADS")
    assert threads == str(container["resources"]["limits"]["cpu"])
    assert {one["name"] for one in container["volumeMounts"]} == {
        one["name"] for one in job["template"]["spec"]["volumes"]
    }


def test_what_a_large_search_costs_follows_from_what_was_measured():
    """The table of docs/scaling.md is computed from that of docs/search.md."""
    measured = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+) \| [\d.]+ \| [\d.]+ \|$", SEARCH, re.MULTILINE))
    rows = re.findall(r"^\| ([^|]+) \| ([\d.]+) \| ([\d.]+ \w+) \| ([\d.]+ \w+) \| ([\d.]+ \w+) \|$", SCALING, re.M)
    assert len(rows) == 3
    for name, seconds, *times in rows:
        assert seconds == measured[name]
        for machines, time in zip((1, 8, 50), times, strict=True):
            number, unit = time.split()
            took = float(number) * {"h": 3600, "min": 60}[unit]
            assert took == pytest.approx(10_000 * float(seconds) / machines, rel=0.03)
