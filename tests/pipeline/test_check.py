"""workflow/check.py: what `make demo` asks of the pipeline's result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / "workflow" / "check.py"


def checked(folder: Path, limits: str, teacher: str = "mobile", **exported) -> subprocess.CompletedProcess:
    """Run the check of a report whose untouched images have a distance of 0.5 ± 0.1 and an error of 80 ± 2."""
    untouched = {"name": "untouched images", "kernel": 0.5, "kernel_error": 0.1, "mae": 80.0, "mae_error": 2.0}
    mobile = {"name": teacher, "kernel": 0.01, "kernel_error": 0.04, "mae": 10.0, "mae_error": 1.0}
    rows = [untouched, mobile, {**mobile, "name": "exported", "metric": "efficientnet-lite0", **exported}]
    (folder / "report.json").write_text(json.dumps(rows))
    (folder / "report.md").write_text("the table")
    (folder / "demo.yaml").write_text(f"out: {folder}\n{limits}\n")
    return subprocess.run([sys.executable, CHECK, folder / "demo.yaml"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("limits", "exported", "failed"),
    [
        ("", {"kernel": 9.0}, None),
        ("check: {untouched: 0.4}", {"kernel": 0.2}, None),
        ("check: {untouched: 0.4}", {"kernel": 0.21}, "0.21 / 0.5"),
        ("check: {teacher: 1.2}", {"kernel": 0.048}, None),  # the teacher's distance counts as its error
        ("check: {teacher: 1.2}", {"kernel": 0.049}, "0.049 / 0.04"),
        ("check: {error: 0.5}", {"mae": 40.0}, None),
        ("check: {untouched: 0.4, error: 0.5}", {"mae": 41.0}, "mean absolute error of exported / untouched: 41 / 80"),
        ("check: {error: 0.5}", {"mae": None}, "no mean absolute error to check"),
        ("check: {untouched: 0.4}", {"kernel": None}, "no kernel distance to check"),
    ],
)
def test_the_exported_generator_is_put_to_the_limits_of_the_configuration(tmp_path, limits, exported, failed):
    done = checked(tmp_path, limits, **exported)
    assert done.stdout.startswith("the table\n")
    assert done.returncode == (failed is not None)
    assert (failed or "") in done.stderr
    assert (done.stderr == "") == (failed is None)
    assert ("check passed" in done.stdout) == (bool(limits) and failed is None)


@pytest.mark.parametrize(("distance", "status"), [(0.048, 0), (0.049, 1)])
def test_a_teacher_of_the_users_own_is_what_the_limit_names(tmp_path, distance, status):
    done = checked(tmp_path, "check: {teacher: 1.2}", teacher="teacher", kernel=distance)
    assert done.returncode == status
    assert f"exported / teacher: {distance:.4g} / 0.04" in done.stdout


def test_without_a_metric_the_check_says_why(tmp_path):
    checked(tmp_path, "check: {untouched: 0.4}")
    rows = [{"name": "exported", "metric": None, "kernel": None, "unmeasured": "data: testA has 1 image"}]
    (tmp_path / "report.json").write_text(json.dumps(rows))
    command = [sys.executable, CHECK, tmp_path / "demo.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: there is no kernel distance to check: data: testA has 1 image"
