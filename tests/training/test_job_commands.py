"""Training commands that are cut, killed, run again or run with other settings."""

import signal
import subprocess
import time

import pytest
from helpers.stages import wait_until
from helpers.support import (
    PATIENCE,
    SIZE,
    TINY_TRAINING,
    command_line,
    fail,
    files_under,
    make_checkpoint,
    succeed,
)
from helpers.training_runs import assert_equal_runs, distill

from ganc.demo.dataset import write_demo_set
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.files.tensors import read_header

SAVES_AFTER_EVERY_STEP = "import ganc.training.job; ganc.training.job.SAVE_SECONDS = -1.0; "
ENDLESS = ("--epochs", "1000000")


def replace(tiny_data, output, *options):
    """The arguments of a tiny ganc-replace."""
    networks = ("--width", "4", "--n-blocks", "3", "--discriminator-width", "4")
    return ("ganc-replace", "--data", tiny_data, *networks, *TINY_TRAINING, "--eval-every", "0", "-o", output, *options)


def started(arguments, preamble=""):
    """Start a command in another process."""
    line = command_line(*arguments)
    line[2] = preamble + line[2]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def lines_of(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize(
    ("program", "number", "status"), [("ganc-distill", signal.SIGTERM, 143), ("ganc-replace", signal.SIGINT, 130)]
)
def test_a_command_that_is_interrupted_says_so_and_goes_on(tiny_data, teacher_file, tmp_path, program, number, status):
    def arguments(output, *options):
        if program == "ganc-replace":
            return replace(tiny_data, output, *ENDLESS, *options)
        return distill(tiny_data, teacher_file, output, *ENDLESS, *options)

    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    process = started(arguments(out))
    wait_until(lambda: lines_of(tmp_path / "out.safetensors.run" / "log.jsonl") >= 2, process)
    process.send_signal(number)
    _, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    message = messages.decode().splitlines()[-1]
    assert "stopped at step" in message
    assert "Traceback" not in messages.decode()
    assert not out.exists()
    assert not list(tmp_path.rglob("*.part"))
    step = int(message.split("step ")[1].split()[0])
    succeed(*arguments(out, "--max-steps", step + 4))
    succeed(*arguments(plain, "--max-steps", step + 4))
    assert_equal_runs(out, plain)


def test_a_run_that_was_killed_goes_on_from_its_last_saved_state(tiny_data, teacher_file, tmp_path):
    """Killed at three instants, most likely while the state is written."""
    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    state = tmp_path / "out.safetensors.run" / "state.safetensors"

    def saved():
        return read_header(state, "ganc-run-state", 3)["step"] if state.exists() else 0

    for pause in (0.0, 0.043, 0.087):
        before = saved()
        process = started(distill(tiny_data, teacher_file, out, *ENDLESS), SAVES_AFTER_EVERY_STEP)
        wait_until(lambda before=before: saved() >= before + 3, process)
        time.sleep(pause)
        process.kill()
        process.communicate(timeout=PATIENCE)
        assert not out.exists()
    steps = saved() + 4
    succeed(*distill(tiny_data, teacher_file, out, *ENDLESS, "--max-steps", steps))
    succeed(*distill(tiny_data, teacher_file, plain, *ENDLESS, "--max-steps", steps))
    assert_equal_runs(out, plain)


@pytest.fixture(scope="module")
def cut_run(tiny_data, teacher_file, tmp_path_factory):
    """The output of a run that ended after 2 steps."""
    output = tmp_path_factory.mktemp("cut") / "out.safetensors"
    succeed(*distill(tiny_data, teacher_file, output, "--max-steps", "2"))
    return output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--seed", "1"], "seed was 0, now 1"),
        (["--batch-size", "3"], "batch_size was 2, now 3"),
        (["--lr", "0.002"], "learning_rate was 0.001, now 0.002"),
        (["--epochs", "5"], "epochs was 1, now 5"),
        (["--decay-epochs", "5"], "decay_epochs was 1, now 5"),
        (["--load-size", "40"], "load_size was [36, 36], now [40, 40]"),
        (["--crop-size", "36x28"], "crop_size was [32, 32], now [36, 28]"),
        (["--in-order"], "shuffle was true, now false"),
        (["--width", "2"], "widths was 4_4_4_4_4_4_4_4, now 2_2_2_2_2_2_2_2"),
        (["--gan-weight", "2"], "task.gan_weight was 1.0, now 2.0"),
        (["--direction", "BtoA"], "direction was AtoB, now BtoA"),
        (["--eval-every", "1"], "eval_every was 0, now 1"),
        (["--seed", "1", "--width", "2"], "seed was 0, now 1; "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_changed_settings_are_refused_and_named(tiny_data, teacher_file, cut_run, options, named):
    before = files_under(cut_run.parent)
    message = fail(*distill(tiny_data, teacher_file, cut_run, *options))
    assert "out.safetensors.run" in message
    assert named in message
    assert "--restart" in message
    assert files_under(cut_run.parent) == before


def test_another_teacher_and_other_images_are_other_settings(tiny_data, teacher_file, cut_run, tmp_path):
    write_checkpoint(tmp_path / "teacher", make_checkpoint("replace", seed=9))
    assert "sources.teacher" in fail(*distill(tiny_data, tmp_path / "teacher", cut_run))
    write_demo_set(tmp_path / "images", train=6, test=4, size=SIZE, seed=8)
    assert "data was" in fail(*distill(tmp_path / "images", teacher_file, cut_run))


def test_what_does_not_change_the_result_may_change(tiny_data, teacher_file, cut_run, tmp_path):
    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    for file in cut_run.parent.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(cut_run.parent)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    (tmp_path / "moved").symlink_to(tiny_data)
    succeed(*distill(tmp_path / "moved", teacher_file, out, "--workers", "2", "--cache-memory", "0"))
    succeed(*distill(tiny_data, teacher_file, plain))
    assert out.read_bytes() == plain.read_bytes()


def test_restart_starts_over_also_with_other_settings(tiny_data, teacher_file, tmp_path):
    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    succeed(*distill(tiny_data, teacher_file, out, "--eval-every", "1", "--width", "2"))
    succeed(*distill(tiny_data, teacher_file, out, "--seed", "1", "--restart"))
    succeed(*distill(tiny_data, teacher_file, plain, "--seed", "1"))
    assert out.read_bytes() == plain.read_bytes()
    runs = [path.with_name(path.name + ".run") for path in (out, plain)]
    for name in ("log.jsonl", "settings.json", "state.safetensors"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes()


def test_a_finished_command_prints_its_table_again_and_trains_nothing(tiny_data, teacher_file, tmp_path):
    out = tmp_path / "out.safetensors"
    first = succeed(*distill(tiny_data, teacher_file, out))
    before, at = files_under(tmp_path), out.stat().st_mtime_ns
    again = succeed(*distill(tiny_data, teacher_file, out))
    assert again.stdout == first.stdout
    assert "MACs" in again.stdout
    assert "--restart" in again.stderr
    assert files_under(tmp_path) == before
    assert out.stat().st_mtime_ns == at


@pytest.mark.parametrize("harm", ["removed", "truncated", "another"])
def test_a_finished_run_whose_checkpoint_was_lost_writes_it_again(
    tiny_data, teacher_file, student_file, tmp_path, harm
):
    out = tmp_path / "out.safetensors"
    succeed(*distill(tiny_data, teacher_file, out))
    content = out.read_bytes()
    out.unlink()
    if harm != "removed":
        out.write_bytes(content[:-9] if harm == "truncated" else student_file.read_bytes())
    succeed(*distill(tiny_data, teacher_file, out))
    assert out.read_bytes() == content


def test_a_longer_run_goes_on_where_the_shorter_ended_and_a_shorter_is_refused(tiny_data, teacher_file, tmp_path):
    out, plain = tmp_path / "out.safetensors", tmp_path / "plain.safetensors"
    for steps in (2, 5):
        succeed(*distill(tiny_data, teacher_file, out, "--max-steps", steps))
        assert read_checkpoint(out).training["steps"] == steps
    message = fail(*distill(tiny_data, teacher_file, out, "--max-steps", "3"))
    for word in ("5 steps", " 3 ", "--restart"):
        assert word in message
    succeed(*distill(tiny_data, teacher_file, out))
    succeed(*distill(tiny_data, teacher_file, plain))
    assert out.read_bytes() == plain.read_bytes()


def test_a_damaged_state_is_refused_with_the_cure(tiny_data, teacher_file, tmp_path):
    out = tmp_path / "out.safetensors"
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2"))
    state = tmp_path / "out.safetensors.run" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    message = fail(*distill(tiny_data, teacher_file, out))
    assert str(state) in message
    assert "--restart" in message
    succeed(*distill(tiny_data, teacher_file, out, "--restart"))


def test_restart_if_changed_starts_over_for_other_settings_inputs_and_fewer_steps(tiny_data, teacher_file, tmp_path):
    out, plain, teacher = (tmp_path / name for name in ("out.safetensors", "plain.safetensors", "teacher"))
    write_checkpoint(teacher, make_checkpoint("replace", seed=9))
    succeed(*distill(tiny_data, teacher_file, out, "--eval-every", "1"))
    for first, options, said in (
        (teacher_file, ("--seed", "1"), "seed was 0, now 1"),
        (teacher, ("--seed", "1"), "sources.teacher was"),
        (teacher, ("--seed", "1", "--max-steps", "3"), "steps were 6, now 3"),
    ):
        done = succeed(*distill(tiny_data, first, out, *options, "--restart-if-changed"))
        assert f"starting over: {said}" in done.stderr.replace("eval_every was 1, now 0; ", "")
        plain.unlink(missing_ok=True)
        succeed(*distill(tiny_data, first, plain, *options, "--restart"))
        assert out.read_bytes() == plain.read_bytes()
        logs = [tmp_path / f"{path.name}.run" / "log.jsonl" for path in (out, plain)]
        assert logs[0].read_text() == logs[1].read_text()


def test_restart_if_changed_resumes_an_equal_run(tiny_data, teacher_file, tmp_path):
    out, run = tmp_path / "out.safetensors", tmp_path / "out.safetensors.run"
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2", "--restart-if-changed"))
    log = (run / "log.jsonl").read_text()
    assert "starting over" not in succeed(*distill(tiny_data, teacher_file, out, "--restart-if-changed")).stderr
    assert (run / "log.jsonl").read_text().startswith(log)
    before, content = files_under(run), out.read_bytes()
    out.unlink()
    succeed(*distill(tiny_data, teacher_file, out, "--restart-if-changed"))
    assert out.read_bytes() == content
    assert files_under(run) == before


def test_restart_if_changed_leaves_a_damaged_run_alone(tiny_data, teacher_file, tmp_path):
    out = tmp_path / "out.safetensors"
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2"))
    content, settings = out.read_bytes(), tmp_path / "out.safetensors.run" / "settings.json"
    whole = settings.read_bytes()
    settings.write_bytes(b"{")  # which the state has too
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2", "--restart-if-changed"))
    assert out.read_bytes() == content
    settings.write_bytes(whole)
    (tmp_path / "out.safetensors.run" / "state.safetensors").write_bytes(b"{")
    before = files_under(tmp_path)
    message = fail(*distill(tiny_data, teacher_file, out, "--restart-if-changed"))
    assert "state.safetensors" in message
    assert "--restart" in message
    assert files_under(tmp_path) == before
