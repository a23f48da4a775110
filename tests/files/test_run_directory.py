"""A run's folder: its settings, state and log."""

import json
import shutil

import numpy as np
import pytest

from ganc.base.errors import RunError
from ganc.files.run_directory import RunDirectory
from ganc.files.tensors import read_tensors, write_tensors


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run", {"seed": 1, "crop_size": (64, 48)})


def test_a_run_directory_keeps_settings_state_and_log(run, tmp_path):
    tensors = {"a": np.arange(3, dtype=np.float32)}
    with run.opened(restart=False):
        assert run.load_state() is None
        run.save_state({"step": 4, "finished": None}, tensors)
        for step in (2, 4, 6):
            run.log({"step": step})
    again = RunDirectory(tmp_path / "run", {"crop_size": [64, 48], "seed": 1})
    with again.opened(restart=False):
        facts, saved = again.load_state()
        assert facts["step"] == 4
        np.testing.assert_array_equal(saved["a"], tensors["a"])
        again.cut_log(4)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_a_log_that_was_cut_off_in_a_line_is_mended(run, tmp_path):
    with run.opened(restart=False):
        run.log({"step": 1})
        with (tmp_path / "run" / "log.jsonl").open("a") as log:
            log.write('{"step": 2, "los')
        run.cut_log(5)
    assert (tmp_path / "run" / "log.jsonl").read_text() == '{"step": 1}\n'


def test_other_settings_are_refused_and_every_change_is_named(run, tmp_path):
    with run.opened(restart=False):
        run.save_state({"step": 1, "finished": None}, {})  # without a state there is nothing to protect
    other = RunDirectory(tmp_path / "run", {"seed": 2, "crop_size": [64, 48], "amp": True})
    named = "amp was absent, now true; seed was 1, now 2.*--restart"
    with pytest.raises(RunError, match=named), other.opened(restart=False):
        pytest.fail("the block must not run")
    with other.opened(restart=True):
        pass
    with other.opened(restart=False):
        pass


@pytest.mark.parametrize("place", ["state", "settings"])
def test_a_run_whose_amp_had_no_type_is_one_of_fp16(tmp_path, place):
    path = tmp_path / "run"
    before = RunDirectory(path, {"seed": 1, "amp": True})
    with before.opened(restart=False):
        before.save_state({"step": 3, "finished": "digest"}, {})
    if place == "settings":  # an older ganc wrote them into that file alone
        facts, tensors = read_tensors(path / "state.safetensors", "ganc-run-state", 3)
        del facts["settings"]
        write_tensors(path / "state.safetensors", facts, tensors)
    now = RunDirectory(path, {"seed": 1, "amp": "fp16"})
    assert now.changes(3) == []
    assert now.finished_digest(3) == "digest"
    with now.opened(restart=False):
        assert now.load_state()[0]["step"] == 3
    for other in ("bf16", False):
        said = "amp was fp16, now " + json.dumps(other).strip('"')
        with pytest.raises(RunError, match=said), RunDirectory(path, {"seed": 1, "amp": other}).opened(restart=False):
            pytest.fail("the block must not run")


def test_damaged_files_of_a_run_are_named_with_the_cure(run, tmp_path):
    with run.opened(restart=False):
        run.save_state({"step": 1, "finished": None}, {})
        (tmp_path / "run" / "state.safetensors").write_bytes(b"half a file")
        with pytest.raises(RunError, match=r"state\.safetensors.*--restart"):
            run.load_state()
    (tmp_path / "run" / "settings.json").write_text("{")
    with pytest.raises(RunError, match=r"settings\.json.*--restart"), run.opened(restart=False):
        pytest.fail("the block must not run")
    (tmp_path / "run" / "settings.json").unlink()  # nothing says which run the state belongs to
    with pytest.raises(RunError, match=r"settings\.json.*--restart"), run.opened(restart=False):
        pytest.fail("the block must not run")
    with run.opened(restart=True):
        assert run.load_state() is None


DEEP = "[" * 20_000 + "]" * 20_000


DAMAGED = [None, b"", b"{", b"{}", b"[]", DEEP.encode(), b'{"seed": 2}', b"\xff\xfe\xff", b"\0"]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_run_goes_on_without_its_settings_file_which_is_mended(run, tmp_path, content):
    """The state says which run it belongs to."""
    settings = tmp_path / "run" / "settings.json"
    with run.opened(restart=False):
        run.save_state({"step": 4, "finished": "digest"}, {"a": np.arange(3, dtype=np.float32)})
    whole = settings.read_bytes()
    settings.unlink()
    if content is not None:
        settings.write_bytes(content)
    assert run.finished_digest(4) == "digest"
    with run.opened(restart=False):
        assert run.load_state()[0]["step"] == 4
    assert settings.read_bytes() == whole
    settings.write_text("{")
    other = RunDirectory(tmp_path / "run", {"seed": 2, "crop_size": [64, 48]})
    with pytest.raises(RunError, match="seed was 1, now 2"), other.opened(restart=False):
        pytest.fail("the block must not run")


def test_a_state_of_an_older_ganc_belongs_to_the_run_that_the_settings_file_names(run, tmp_path):
    with run.opened(restart=False):
        run.save_state({"step": 4, "finished": None}, {})
    path = tmp_path / "run" / "state.safetensors"
    header, tensors = read_tensors(path, "ganc-run-state", 3)
    write_tensors(path, {name: value for name, value in header.items() if name != "settings"}, tensors)
    with run.opened(restart=False):
        assert run.load_state()[0]["step"] == 4
    (tmp_path / "run" / "settings.json").write_text("{")
    with pytest.raises(RunError, match=r"settings\.json.*--restart"), run.opened(restart=False):
        pytest.fail("the block must not run")


def test_a_run_directory_is_held_by_one_at_a_time(run, tmp_path):
    second = RunDirectory(tmp_path / "run", run.settings)
    with run.opened(restart=False):
        refused = pytest.raises(RunError, match=str(tmp_path / "run"))
        with refused, second.opened(restart=True):
            pytest.fail("the block must not run")
    with second.opened(restart=False):
        pass


@pytest.mark.parametrize(
    "line", [DEEP, "x", '{"step": 2', '{"step": "2"}', "[1]", "3", "NaN", '{"step": 1e999}', "\x00"]
)
def test_lines_of_the_log_that_are_damaged_are_dropped(run, tmp_path, line):
    with run.opened(restart=False):
        (tmp_path / "run" / "log.jsonl").write_text(f'{{"step": 1}}\n{line}\n{{"step": 2}}\n')
        run.cut_log(2)
        assert (tmp_path / "run" / "log.jsonl").read_text() == '{"step": 1}\n{"step": 2}\n'


@pytest.mark.parametrize(
    "files",
    [
        {"log.jsonl": "mine\n"},
        {"settings.json": '{"seed": 1, "stage": "mine"}', "log.jsonl": '{"step": 9}\n'},
        {"lock": "mine", "state.safetensors": "mine"},
        {"notes.txt": ""},
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_a_folder_of_somebody_is_refused_and_stays_as_it_is(run, tmp_path, files, restart):
    folder = tmp_path / "run"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    with pytest.raises(RunError, match=r"run: is not empty.*--run-dir"), run.opened(restart):
        pytest.fail("the block must not run")
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


@pytest.mark.parametrize("names", [(), ("lock",)])  # a process may be killed after it made its lock
def test_an_empty_folder_becomes_a_run_s(run, tmp_path, names):
    (tmp_path / "run").mkdir()
    for name in names:
        (tmp_path / "run" / name).touch()
    for _ in range(2):
        with run.opened(restart=False):
            pass


def test_a_run_of_an_older_ganc_with_an_empty_lock_is_known_by_its_state_or_settings(chain, tmp_path):
    shutil.copytree(chain.folder / "replace.safetensors.run", tmp_path / "run")
    folder = RunDirectory(tmp_path / "run", json.loads((tmp_path / "run" / "settings.json").read_text()))
    (tmp_path / "run" / "lock").write_text("")
    with folder.opened(restart=False):
        assert folder.load_state()
    (tmp_path / "run" / "lock").write_text("")
    (tmp_path / "run" / "state.safetensors").unlink()
    with folder.opened(restart=False):
        assert folder.load_state() is None


def test_a_restart_removes_the_sample_strips_of_the_run_before(run, tmp_path):
    with run.opened(restart=False):
        run.sample_path(3).parent.mkdir()
        run.sample_path(3).touch()
        (run.sample_path(3).parent / "mine.png").touch()
        run.save_state({"step": 3, "finished": None}, {})
    with run.opened(restart=True):
        assert [path.name for path in (tmp_path / "run" / "samples").iterdir()] == ["mine.png"]


@pytest.mark.parametrize("content", ["", "ganc", "ganc-run"])
def test_a_lock_that_was_cut_off_is_completed(run, tmp_path, content):
    """Else the folder is not known as a run's once its other files are damaged."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").write_text(content)
    with run.opened(restart=False):
        assert (tmp_path / "run" / "lock").read_text() == "ganc-run\n"


def test_a_lock_of_somebody_else_stays_as_it_is(run, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").write_text("mine")
    with run.opened(restart=False):
        assert (tmp_path / "run" / "lock").read_text() == "mine"
