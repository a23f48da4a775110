"""What a command writes is never what it reads: every output of every command against every one of its inputs."""

import os
import stat
import subprocess

import click
import pytest
from helpers.images import save_random_image
from helpers.stages import nothing_changes, refusal
from helpers.support import TINY_TRAINING, UNTRAINED_SET, command_line, fail, invoke, succeed, walk_commands

from ganc.cli.paths import InputText, RunFolder, Written, WrittenFolder
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import RunDirectory

# What a command wants beside its paths before it looks at any of them.
FURTHER = {"names": "generator", "widths": "8"}


def pairs():
    """Yield each command's names with one of its outputs and one of its inputs."""
    for names, command in walk_commands():
        parameters = getattr(command, "params", [])
        for output in (one for one in parameters if isinstance(one.type, Written)):
            for read in parameters:
                if isinstance(read.type, click.Path | InputText) and not isinstance(read.type, Written):
                    yield pytest.param(names, command, output, read, id=f"{' '.join(names)} {output.name} {read.name}")


PAIRS = list(pairs())
OUTPUTS = [
    pytest.param(names, one, id=f"{' '.join(names)} {one.name}")
    for names, command in walk_commands()
    for one in getattr(command, "params", [])
    if isinstance(one.type, Written)
]


def test_all_commands_with_outputs_and_inputs_are_looked_at():
    programs = {" ".join(one.values[0]) for one in PAIRS}
    assert programs >= {
        *(f"ganc-{stage}" for stage in ("replace", "distill", "supernet", "search", "finetune", "export")),
        *(f"ganc {name}" for name in ("stats", "extract", "translate", "merge", "plot", "bench")),
        *("ganc import network", "ganc import inception"),
    }
    looked_at = {one.values[3].name for one in PAIRS}
    assert looked_at >= {
        "folder",
        "supernet",
        "teacher",
        "results",
        "statistics",
        "feature_set",
        "init_from",
        "configs",
    }


@pytest.mark.parametrize(("names", "command", "output", "read"), PAIRS)
@pytest.mark.parametrize("way", ["plain", "dots", "link"])
def test_an_output_that_is_an_input_is_refused(names, command, output, read, way, tmp_path):
    (tmp_path / "else").mkdir()
    written, given = colliding(output, read, tmp_path)
    if way == "dots":
        written = f"{tmp_path}/else/../{written.relative_to(tmp_path)}"
    elif way == "link":
        link = tmp_path / "else" / written.name
        link.symlink_to(written)
        written = link
    arguments = [*arguments_of(command, output, read, tmp_path), *said(output, written), *said(read, given)]
    with nothing_changes(tmp_path):
        message = refusal(*program(names), *arguments)
    assert str(written) in message
    assert str(given) in message


def colliding(output, read, folder):
    """Make something to read; return the path of an output that would overwrite it, and what is read."""
    if isinstance(output.type, WrittenFolder | RunFolder):
        (folder / "out").mkdir()
        inside = folder / "out" / "best.safetensors"
        if not getattr(read.type, "file_okay", True):
            inside = folder / "out" / "samples"
            inside.mkdir()
        else:
            inside.write_bytes(b"{}" if read.name == "defaults" else b"mine")
        return folder / "out", inside
    if not getattr(read.type, "file_okay", True):
        save_random_image(folder / "images" / "trainA" / "1.png")
        return folder / "images" / "trainA" / "1.png", folder / "images"
    (folder / "mine.png").write_bytes(b"{}" if read.name == "defaults" else b"mine")  # the options are read first
    return folder / "mine.png", folder / "mine.png"


def arguments_of(command, *apart_and_folder):
    """Return what the command requires beside some parameters."""
    *apart, folder = apart_and_folder
    for one in command.params:
        if one.required and one not in apart:
            yield from said(one, FURTHER.get(one.name) or another(folder, one))


def another(folder, parameter):
    path = folder / f"another-{parameter.name}"
    if getattr(parameter.type, "exists", False):
        path.touch()
    return path


def said(parameter, value):
    return [parameter.opts[0], value] if isinstance(parameter, click.Option) else [value]


def program(names):
    return (names[0], *names[1:])


def test_a_hard_link_to_an_input_is_refused(tmp_path, teacher_file):
    (tmp_path / "one").write_bytes(teacher_file.read_bytes())
    os.link(tmp_path / "one", tmp_path / "two")
    with nothing_changes(tmp_path):
        message = refusal("ganc", "extract", tmp_path / "one", "--network", "generator", "-o", tmp_path / "two")
    assert "-o" in message


def test_what_no_option_names_is_not_overwritten_either(tmp_path, teacher_file, tiny_data):
    run = tmp_path / "out.run"
    run.mkdir()
    (run / "best.safetensors").write_bytes(teacher_file.read_bytes())
    with nothing_changes(tmp_path):
        arguments = ("--teacher", run / "best.safetensors", "--data", tiny_data, "-o", tmp_path / "out")
        assert str(run) in refusal("ganc-distill", *arguments)


def test_the_teacher_beside_a_student_may_be_its_teacher_unless_it_trains(tmp_path, teacher_file, tiny_data):
    given = tmp_path / "out.teacher"
    given.write_bytes(teacher_file.read_bytes())
    message = refusal(
        "ganc-distill", "--teacher", given, "--data", tmp_path / "nothing", "--width", 4, "-o", tmp_path / "out"
    )
    assert "nothing" in message


def test_an_output_may_be_in_a_folder_that_is_read_and_be_written_again(tmp_path, tiny_data):
    (tmp_path / "data").mkdir()
    for path in tiny_data.iterdir():
        (tmp_path / "data" / path.name).symlink_to(path)
    out = tmp_path / "data" / "real.npz"
    for _ in range(2):
        succeed("ganc", "stats", "--data", tmp_path / "data", "--size", 32, *UNTRAINED_SET, "-o", out)
    message = refusal("ganc", "stats", "--data", tmp_path / "data", "-o", tmp_path / "data" / "trainA.txt")
    assert "trainA.txt" in message


def test_the_output_of_another_command_may_be_replaced(tmp_path, teacher_file):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"of before")
    succeed("ganc", "extract", teacher_file, "--network", "generator", "-o", out)
    assert list(read_checkpoint(out).networks) == ["generator"]


@pytest.mark.parametrize(("names", "output"), OUTPUTS)
def test_an_output_that_is_no_regular_file_is_refused_and_stays(names, output, tmp_path):
    command = dict(walk_commands())[names]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (tmp_path / "link").symlink_to(pipe)
    rest = list(arguments_of(command, output, tmp_path))
    for path in (pipe, tmp_path / "link"):
        assert str(path) in refusal(*names, *rest, *said(output, path))
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_standard_output_as_an_output_is_called_what_it_is(teacher_file, tmp_path):
    (tmp_path / "link").symlink_to("/dev/stdout")
    command = command_line("ganc", "extract", teacher_file, "--network", "generator", "-o")
    for path in ("/dev/stdout", tmp_path / "link"):
        done = subprocess.run([*command, str(path)], capture_output=True, text=True)
        assert done.returncode == 1
        assert f"{path}: is a pipe, which ganc does not replace" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("names", "output"), OUTPUTS)
def test_an_output_without_a_name_is_refused(names, output, tmp_path):
    command = dict(walk_commands())[names]
    rest = list(arguments_of(command, output, tmp_path))
    assert "an empty name" in fail(*names, *rest, *said(output, ""), status=2)


def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch, teacher_file):
    monkeypatch.chdir(tmp_path)
    with nothing_changes(tmp_path):
        assert "an empty name" in fail("ganc-distill", "--teacher", teacher_file, "--data", "", "-o", "x", status=2)


def test_a_link_as_output_stays(tmp_path, teacher_file):
    there, link = tmp_path / "there.safetensors", tmp_path / "link.safetensors"
    link.symlink_to(there)
    for _ in range(2):
        succeed("ganc", "extract", teacher_file, "--network", "generator", "-o", link)
        assert link.is_symlink()
        assert list(read_checkpoint(there).networks) == ["generator"]


@pytest.mark.parametrize("tool", ["ganc-distill", "ganc-search"])
def test_a_run_directory_that_is_somebody_s_folder_is_refused(tmp_path, tiny_data, teacher_file, supernet_file, tool):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "log.jsonl").write_text("mine")
    (mine / "settings.json").write_text("{}")
    if tool == "ganc-distill":
        arguments = ("--teacher", teacher_file, "--width", 4, *TINY_TRAINING, "-o", tmp_path / "out", "--restart")
    else:
        arguments = ("--supernet", supernet_file, "--samples", 1, *UNTRAINED_SET, "--device", "cpu", "-o", "-")
    with nothing_changes(tmp_path):
        message = refusal(tool, *arguments, "--data", tiny_data, "--run-dir", mine)
    assert str(mine) in message
    assert "--run-dir" in message


def test_two_outputs_of_one_command_are_refused(tmp_path, teacher_file, tiny_data):
    distill = ("ganc-distill", "--data", tiny_data, "--width", 4, *TINY_TRAINING)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for one, other in (
        (("--run-dir", tmp_path / "out"), ()),
        (("--run-dir", tmp_path / "link"), ()),
        (("--run-dir", tmp_path), ("-o", tmp_path / "best.safetensors")),
        (("--online", "--teacher-output", tmp_path / "link"), ()),
        (("--online", "--teacher-output", tmp_path / "log.jsonl", "--run-dir", tmp_path), ()),
    ):
        with nothing_changes(tmp_path):
            message = refusal(*distill, "--teacher", teacher_file, *one, *(other or ("-o", tmp_path / "out")))
        assert "one would overwrite the other" in message
        assert str(one[-1]) in message


@pytest.mark.parametrize(("names", "output"), OUTPUTS)
def test_what_a_killed_run_left_is_removed_by_every_command(names, output, tmp_path):
    """Also by one that fails afterwards."""
    path = tmp_path / "out.png"
    left = [tmp_path / ".out.png.12345678.part", tmp_path / ".out.png.abcdefgh.old"]
    if isinstance(output.type, RunFolder):
        left = [path / ".state.safetensors.12345678.part", path / "samples" / ".1.png.12345678.part"]
        (path / "samples").mkdir(parents=True)
        (path / "lock").write_text("ganc-run\n")
    elif isinstance(output.type, WrittenFolder):
        path.mkdir()
        (path / "mine").touch()  # so that nothing is made
    for one in left:
        one.touch()
    (tmp_path / ".other.12345678.part").touch()
    if isinstance(output.type, RunFolder):
        RunDirectory(path, {}).opened(restart=False).__enter__()
    else:
        command = dict(walk_commands())[names]
        invoke(*names, *map(str, [*arguments_of(command, output, tmp_path), *said(output, path)]))
    assert not any(one.exists() for one in left)
    assert (tmp_path / ".other.12345678.part").exists()


@pytest.mark.parametrize(
    ("names", "output"), [one for one in OUTPUTS if not getattr(one.values[1].type, "dir_okay", True)]
)
def test_an_output_that_could_not_be_written_is_refused_before_anything_is_read(names, output, tmp_path):
    command = dict(walk_commands())[names]
    (tmp_path / "file").touch()
    rest = list(arguments_of(command, output, tmp_path))
    for path in (tmp_path / "file" / "out", tmp_path / ("x" * 256), tmp_path / "new" / ("x" * 256) / "out"):
        assert "cannot be written" in refusal(*names, *rest, *said(output, path))
    assert not (tmp_path / "new").exists()


def test_a_translation_that_could_not_be_written_is_refused_before_the_model_is_opened(tmp_path):
    save_random_image(tmp_path / "images" / "1.png")
    (tmp_path / "file").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".1.png.12345678.part").touch()
    arguments = ("ganc", "translate", tmp_path / "absent", tmp_path / "images", "-o")
    assert "cannot be written" in refusal(*arguments, tmp_path / "file" / "out")
    assert "absent" in refusal(*arguments, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
