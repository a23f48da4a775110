"""The machine: what is set before Paddle is imported, which installation is refused, which device is there."""

import json
import os
import subprocess
import sys

import pytest
from helpers.support import PATIENCE, run_command

from ganc.base.errors import RunError
from ganc.system.runtime import available_cores, mkl_cpu_type, select_device

OURS = ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE", "GLOG_minloglevel", "PADDLE_LOCAL_SIZE", "PADDLE_TRAINERS_NUM")

# Reports the environment at the moment at which Paddle is imported, then as the program sees it.
REPORT = f"""
import json, os, sys, importlib.abc
names = {OURS[:3]}
seen = []

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "paddle":
            seen.append({{key: os.environ.get(key) for key in names}})

sys.meta_path.insert(0, Watch())
"""


def run_python(program, *, paths=(), **environment):
    """Run a program in another process whose environment has only those of our variables that are named here."""
    inherited = {key: value for key, value in os.environ.items() if key not in OURS}
    paths = [str(path) for path in paths] + [path for path in [os.environ.get("PYTHONPATH")] if path]
    return subprocess.run(
        [sys.executable, "-c", program],
        env=inherited | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def reported(program, **environment):
    done = run_python(REPORT + program + "\nprint(json.dumps(seen))", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


@pytest.mark.paddle26
def test_threads_and_the_matrix_library_are_set_before_paddle_is_imported():
    seen, messages = reported("from ganc.system.runtime import paddle\npaddle.ones([1])")
    expected = {
        "OMP_NUM_THREADS": str(available_cores()),
        "MKL_DEBUG_CPU_TYPE": mkl_cpu_type(),
        "GLOG_minloglevel": "2",
    }
    assert seen == [expected]
    assert messages == ""  # no advice about ccache or threads either


@pytest.mark.parametrize(
    "program",
    [
        "import ganc.models.generator",
        "import numpy as np; from ganc.metrics import UNTRAINED, feature_set; "
        "feature_set(UNTRAINED)(np.zeros((1, 16, 16, 3), np.uint8))",
    ],
    ids=["networks", "features"],
)
def test_whatever_needs_paddle_sets_it_up(program):
    seen, messages = reported(program)
    assert seen[0]["OMP_NUM_THREADS"] == str(available_cores())
    assert messages == ""


def test_what_the_user_set_wins():
    own = {"OMP_NUM_THREADS": "1", "MKL_DEBUG_CPU_TYPE": "5", "GLOG_minloglevel": "3"}
    seen, _ = reported("from ganc.system.runtime import load_paddle; load_paddle()", **own)
    assert seen == [own]


@pytest.mark.parametrize("variable", ["PADDLE_LOCAL_SIZE", "PADDLE_TRAINERS_NUM"])
def test_local_processes_share_the_cores(variable):
    program = "from ganc.system.runtime import configure_environment as c; c(); print(os.environ['OMP_NUM_THREADS'])"
    for processes, expected in (("2", max(1, available_cores() // 2)), ("1000", 1)):
        done = run_python("import os; " + program, **{variable: processes})
        assert done.stdout.strip() == str(expected)


def test_importing_the_runtime_imports_no_paddle_and_changes_nothing():
    done = run_python("import os, sys; before = dict(os.environ); import ganc.system.runtime, ganc.models, ganc.data\n"
                      "print('paddle' in sys.modules, dict(os.environ) == before)")  # fmt: skip
    assert done.stdout.split() == ["False", "True"], done.stderr


def test_a_paddle_that_was_imported_first_is_warned_about_once():
    program = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import paddle
import ganc.system.runtime
for _ in range(3):
    ganc.system.runtime.load_paddle()
"""
    done = run_python(program)
    assert done.returncode == 0
    assert done.stderr.count("ganc.system.runtime") == 1


def test_the_module_has_no_other_attributes():
    import ganc.system.runtime

    with pytest.raises(AttributeError, match="torch"):
        ganc.system.runtime.torch  # noqa: B018


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", "fpu sse2 avx avx2 avx512f avx512bw", "7"),
        ("AuthenticAMD", "fpu sse2 avx avx2", "5"),
        ("AuthenticAMD", "fpu sse2 avx", None),
        ("AuthenticAMD", "", None),
        ("GenuineIntel", "fpu sse2 avx avx2 avx512f", None),
    ],
)
def test_the_matrix_library_s_path_suits_the_processor(tmp_path, vendor, flags, expected):
    core = f"processor\t: 0\nvendor_id\t: {vendor}\nmodel name\t: X\nflags\t\t: {flags}\nbogomips\t: 5200\n\n"
    (tmp_path / "cpuinfo").write_text(core * 2)
    assert mkl_cpu_type(tmp_path / "cpuinfo") == expected


def test_a_system_that_does_not_describe_its_processor_is_left_alone(tmp_path):
    assert mkl_cpu_type(tmp_path / "absent") is None
    (tmp_path / "cpuinfo").write_text("Processor : ARMv8\nFeatures : fp asimd\n")
    assert mkl_cpu_type(tmp_path / "cpuinfo") is None
    (tmp_path / "cpuinfo").write_text("vendor_id : AuthenticAMD\n")
    assert mkl_cpu_type(tmp_path / "cpuinfo") is None


def test_without_paddle_the_message_names_the_extra(tiny_data, tmp_path):
    done = run_command(
        *("ganc-replace", "--data", tiny_data, "-o", tmp_path / "out.safetensors", "--max-steps", "1"),
        absent=("paddle", "paddlepaddle", "paddlepaddle_gpu"),
    )
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "PaddlePaddle" in line
    assert "ganc-common[cpu]" in line
    assert list(tmp_path.iterdir()) == []


def fabricated(folder, **versions):
    """Make a folder of distributions that exist by name and version only."""
    for name, version in versions.items():
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n")
    return folder


LOAD = """
from ganc.base.errors import GancError
from ganc.system.runtime import load_paddle
try:
    load_paddle()
except GancError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("package", ["paddlepaddle", "paddlepaddle_gpu"])
def test_paddle_2_beside_numpy_2_is_refused_before_it_crashes(tmp_path, package):
    done = run_python(LOAD, paths=[fabricated(tmp_path, numpy="2.4.1", **{package: "2.6.2"})])
    name = package.replace("_", "-")
    for word in ("MissingDependencyError", f"{name} 2.6.2", "numpy 2.4.1", "'numpy<2'"):
        assert word in done.stdout, done.stderr


@pytest.mark.parametrize(("paddle_version", "numpy_version"), [("2.6.2", "1.26.4"), ("3.3.1", "2.4.1")])
def test_the_pairs_that_work_are_not_refused(tmp_path, paddle_version, numpy_version):
    folder = fabricated(tmp_path, numpy=numpy_version, paddlepaddle=paddle_version)
    done = run_python(LOAD, paths=[folder])
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


@pytest.mark.paddle26
def test_the_devices_of_this_machine():
    assert select_device("cpu") == "cpu"
    with pytest.raises(RunError, match="'tpu'"):
        select_device("tpu")
    with pytest.raises(RunError, match="'gpu:one'"):
        select_device("gpu:one")


@pytest.mark.paddle26
def test_a_gpu_that_is_not_there_is_refused():
    from ganc.system.runtime import paddle

    if paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("this machine has a GPU")
    assert select_device("auto") == "cpu"
    for device in ("gpu", "gpu:0"):
        with pytest.raises(RunError, match="--device cpu"):
            select_device(device)
