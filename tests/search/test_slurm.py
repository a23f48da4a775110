"""ganc-search --shard slurm: each task of an array evaluates the part that Slurm's variables say. It needs no Slurm."""

import pytest
from helpers.agreement import assert_same_search
from helpers.stages import nothing_changes, refusal
from helpers.support import UNTRAINED_SET, succeed

from ganc.results.hdf5 import read_results

NAMES = ("ID", "COUNT", "MIN", "MAX")


@pytest.fixture
def arguments(chain):
    return ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")


def in_task(monkeypatch, *values):
    for name, value in zip(NAMES, values, strict=True):
        if value is None:
            monkeypatch.delenv(f"SLURM_ARRAY_TASK_{name}", raising=False)
        else:
            monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))


def test_the_tasks_of_an_array_merged_are_the_search_of_one_process(arguments, chain, tmp_path, monkeypatch):
    for task in (1, 2):
        in_task(monkeypatch, task, 2, *((1, 2) if task > 1 else (None, None)))
        said = succeed(*arguments, "--shard", "slurm", "-o", tmp_path / f"{task}.h5")
        assert f"shard {task}/2" in said.stderr
    parts = [tmp_path / f"{task}.h5" for task in (2, 1)]
    succeed("ganc", "merge", *parts, "-o", tmp_path / "merged.h5")
    merged, whole = read_results(tmp_path / "merged.h5"), read_results(chain.search)
    assert sum(map(len, map(read_results, parts))) == len(whole)
    assert_same_search(merged, whole)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((None, None, None, None), "SLURM_ARRAY_TASK_ID is not set"),
        ((1, None, 1, 3), "SLURM_ARRAY_TASK_COUNT is not set"),
        (("one", 3, 1, 3), "SLURM_ARRAY_TASK_ID='one'"),
        ((1, "", 1, 3), "SLURM_ARRAY_TASK_COUNT="),
        ((0, 3, None, None), "SLURM_ARRAY_TASK_ID=0"),
        ((4, 3, None, None), "SLURM_ARRAY_TASK_ID=4"),
        ((1, 3, 0, 2), "SLURM_ARRAY_TASK_MIN=0"),  # --array=0-2: task 1 is the second
        ((1, 2, 1, 3), "SLURM_ARRAY_TASK_MAX=3"),  # --array=1,3: two of another array's tasks
        (("1\n2", 3, 1, 3), "SLURM_ARRAY_TASK_ID="),
    ],
)
def test_what_is_no_task_of_an_array_from_1_on_is_refused(arguments, tmp_path, monkeypatch, values, named):
    in_task(monkeypatch, *values)
    with nothing_changes(tmp_path):
        said = refusal(*arguments, "--shard", "slurm", "-o", tmp_path / "search.h5", status=2)
    assert named in said
    assert "--array=1-N" in said
    assert "\n" not in said


def test_without_it_slurm_s_variables_mean_nothing(arguments, chain, tmp_path, monkeypatch):
    in_task(monkeypatch, 2, 3, 1, 3)
    succeed(*arguments, "-o", tmp_path / "search.h5")
    assert_same_search(read_results(tmp_path / "search.h5"), read_results(chain.search))
