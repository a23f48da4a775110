"""The six stages through their files: whole, piped, each alone, and the same again."""

import shlex
import shutil
import subprocess

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import ARGUMENTS, OUTPUTS, TRAINING, json_of, listing, macs_by_hand
from helpers.support import PATIENCE, SIZE, UNTRAINED_SET, command_line, run_command, succeed

from ganc.files.card import read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.results.hdf5 import read_results

# What each stage reads, as its command names it.
INPUTS = {
    "replace": ("data",),
    "distill": ("data", "replace.safetensors"),
    "supernet": ("data", "replace.safetensors", "distill.safetensors"),
    "search": ("data", "supernet.safetensors"),
    "finetune": ("data", "replace.safetensors", "supernet.safetensors", "search.h5"),
    "export": ("finetune.safetensors",),
}


def copied_inputs(chain, stage, folder):
    """Put what a stage reads into a folder, and nothing else."""
    for name in INPUTS[stage]:
        source = chain.folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return listing(folder)


@pytest.mark.paddle26
def test_every_stage_hands_its_digest_on(chain):
    stages = ("replace", "distill", "supernet", "finetune")
    checkpoints = {stage: read_checkpoint(getattr(chain, stage)) for stage in stages}
    digests = {stage: checkpoint.digest for stage, checkpoint in checkpoints.items()}
    assert {stage: dict(checkpoint.sources) for stage, checkpoint in checkpoints.items()} == {
        "replace": {},
        "distill": {"teacher": digests["replace"]},
        "supernet": {"teacher": digests["replace"], "student": digests["distill"]},
        "finetune": {"teacher": digests["replace"], "supernet": digests["supernet"]},
    }
    assert read_results(chain.search).identity.supernet_digest == digests["supernet"]
    assert read_card(chain.export)["sources"] == {"checkpoint": digests["finetune"]}
    assert len({checkpoint.training["data"] for checkpoint in checkpoints.values()}) == 1


def test_the_result_costs_less_and_the_table_says_so(chain):
    rows = json_of(
        "ganc", "evaluate", chain.replace, chain.finetune, chain.export, "--data", chain.data, *UNTRAINED_SET
    )
    teacher, chosen, exported = (row["macs"] for row in rows)
    assert chosen == exported <= 4_500_000 < teacher == macs_by_hand("8", SIZE)
    assert chosen == macs_by_hand(read_checkpoint(chain.finetune).generator.spec.widths, SIZE)


def test_no_file_tells_where_it_was_made(chain):
    """No absolute path, so that equal runs make equal files anywhere."""
    for path in (chain.replace, chain.supernet, chain.finetune, chain.search, chain.export / "model.json"):
        assert str(chain.folder.parent).encode() not in path.read_bytes()


@pytest.mark.paddle26
def test_the_pipe_gives_the_checkpoint_of_the_two_commands_with_a_file_between_them(chain, tmp_path):
    for name in ("data", "replace.safetensors", "supernet.safetensors"):
        (tmp_path / name).symlink_to(chain.folder / name)
    finetune = ["-" if argument == "search.h5" else argument for argument in ARGUMENTS["finetune"]]
    search = shlex.join(command_line("ganc-search", *ARGUMENTS["search"], "-o", "-"))
    tune = shlex.join(command_line("ganc-finetune", *finetune, "-o", "piped.safetensors"))
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {search} | {tune}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "piped.safetensors").read_bytes() == chain.finetune.read_bytes()
    assert "piped.safetensors" in done.stdout
    assert "32 sub-networks" in done.stderr


def test_a_pipe_from_a_search_that_fails_ends_with_one_line_of_each(chain, tmp_path):
    search = shlex.join(
        command_line("ganc-search", "--supernet", chain.replace, "--data", chain.data, *UNTRAINED_SET, "-o", "-")
    )
    arguments = ("--supernet", chain.supernet, "--teacher", chain.replace, "--data", chain.data, "--results", "-")
    tune = shlex.join(command_line("ganc-finetune", *arguments, *TRAINING, "-o", tmp_path / "out"))
    done = subprocess.run(
        ["bash", "-c", f"{search} | {tune}"], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    first, second = sorted(done.stderr.splitlines(), key=lambda line: "standard input" in line)
    assert str(chain.replace) in first
    assert "--supernet" in first
    assert "standard input was empty" in second
    assert list(tmp_path.iterdir()) == []


@pytest.mark.paddle26
@pytest.mark.parametrize("stage", ARGUMENTS)
def test_each_stage_alone_gives_the_same(chain, tmp_path, stage):
    """In another process, with nothing but its input files and without the other five tools, with 2 loader threads."""
    before = copied_inputs(chain, stage, tmp_path)
    others = [f"ganc_{other}" for other in ARGUMENTS if other != stage]
    output = OUTPUTS[stage]
    trains = stage not in ("search", "export")
    workers = ("--workers", "2") if trains else ()
    done = run_command(f"ganc-{stage}", *ARGUMENTS[stage], *workers, "-o", output, absent=others, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert output in done.stdout.decode()

    after = listing(tmp_path)
    assert {name: after[name] for name in before} == before
    made = {name.split("/")[0] for name in after} - {name.split("/")[0] for name in before}
    assert made == ({output, f"{output}.run"} if trains else {output})
    if trains:
        assert (tmp_path / output).read_bytes() == (chain.folder / output).read_bytes()
        run, theirs = (folder / f"{output}.run" for folder in (tmp_path, chain.folder))
        assert (run / "log.jsonl").read_bytes() == (theirs / "log.jsonl").read_bytes()
        assert listing(run / "samples") == listing(theirs / "samples")
    elif stage == "search":
        assert_same_search(read_results(tmp_path / output), read_results(chain.search))
    else:
        ours, theirs = (folder / "export" / "generator.safetensors" for folder in (tmp_path, chain.folder))
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_stage_cannot_reach_another_tool(chain, tmp_path):
    """The block of the test above does block."""
    done = run_command("ganc-distill", "--help", absent=("ganc_distill",), cwd=tmp_path)
    assert done.returncode == 1
    assert b"No module named 'ganc_distill'" in done.stderr


@pytest.mark.paddle26
@pytest.mark.parametrize("stage", ["replace", "distill", "supernet", "finetune"])
def test_two_runs_with_one_seed_give_equal_bytes_and_another_seed_does_not(chain, tmp_path, monkeypatch, stage):
    monkeypatch.chdir(chain.folder)
    for name, options in {
        "again": (),
        "threads": ("--workers", "2"),
        "uncached": ("--cache-memory", "0", "--workers", "1"),
        "seed": ("--seed", "1"),
    }.items():
        succeed(f"ganc-{stage}", *ARGUMENTS[stage], *options, "-o", tmp_path / name)
    expected = (chain.folder / OUTPUTS[stage]).read_bytes()
    for name in ("again", "threads", "uncached"):
        assert (tmp_path / name).read_bytes() == expected, name
    other = read_checkpoint(tmp_path / "seed")
    ours = read_checkpoint(chain.folder / OUTPUTS[stage])
    # Another seed trains another network; fine-tuning may keep the one that both started from.
    assert other.digest != ours.digest or other.training["steps"] == ours.training["steps"] == 0


def test_a_checkpoint_of_one_machine_serves_on_another(chain, tmp_path):
    """Files may be renamed and moved: nothing refers to a path."""
    for name in INPUTS["supernet"]:
        (tmp_path / f"moved {name}").symlink_to(chain.folder / name)
    arguments = [f"moved {word}" if word in INPUTS["supernet"] else word for word in ARGUMENTS["supernet"]]
    arguments = [str(tmp_path / word) if word.startswith("moved ") else word for word in arguments]
    succeed("ganc-supernet", *arguments, "-o", tmp_path / "out put.safetensors")
    assert (tmp_path / "out put.safetensors").read_bytes() == chain.supernet.read_bytes()
