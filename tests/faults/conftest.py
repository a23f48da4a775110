"""The commands that meet faults, and the process that runs them."""

from collections import Counter
from pathlib import Path

import pytest
from helpers.fault_runs import ALL, Case, Fault, Server, copying
from helpers.search_rows import eight_rows, make_results
from helpers.support import TINY_TRAINING, UNTRAINED_SET, make_checkpoint, succeed

from ganc.files.checkpoint import write_checkpoint
from ganc.files.run_directory import LOG_FILE
from ganc.results.hdf5 import write_results

LOGGED = f"write out.safetensors.run/{LOG_FILE}"
MEASURED = "sync s.h5.journal"  # its head; the rows are measured in one round
ALL_FORMATS = ("--format", "paddle", "--format", "onnx", "--format", "openvino")


def logged(operations, place):
    return LOGGED not in operations[place + 1 :]


def measured(operations, place):
    return MEASURED in operations[:place]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("said"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def cases(tiny_data, teacher_file, supernet_file, tmp_path_factory):
    """The commands by name; most have an older output to lose."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("follows a process's open files, as Linux shows them")
    for package in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(package, reason="exported graphs are among the outputs")
    made = tmp_path_factory.mktemp("inputs")
    for number in range(2):
        write_results(made / f"shard{number}.h5", make_results(eight_rows()[number::2]))
    write_checkpoint(made / "other.safetensors", make_checkpoint(seed=9))
    succeed("ganc-export", "--checkpoint", made / "other.safetensors", "--format", "onnx", "-o", made / "dist")
    training = _training_cases(tiny_data, teacher_file, supernet_file, copying(made / "other.safetensors"))
    return training | _other_cases(made, tiny_data, teacher_file, supernet_file)


def _training_cases(data, teacher, supernet, older):
    training = ("--data", data, *TINY_TRAINING, "--eval-every", "1", "-o", "out.safetensors")
    taught = ("--teacher", teacher)
    networks = ("--width", "4", "--n-blocks", "3", "--discriminator-width", "4")
    tuned = ("ganc-finetune", "--supernet", supernet, *taught, "--config", "4", *training)
    return {
        "ganc-finetune": Case(tuned, "out.safetensors", older, finishes=logged),
        "ganc-distill": Case(("ganc-distill", *taught, "--width", "4", *training), "out.safetensors", finishes=logged),
        "ganc-replace": Case(("ganc-replace", *networks, *training), "out.safetensors", finishes=logged),
        "ganc-supernet": Case(("ganc-supernet", *taught, *training), "out.safetensors", finishes=logged),
    }


def _other_cases(made, data, teacher, supernet):
    measured_on = ("--data", data, *UNTRAINED_SET)
    searched = ("--device", "cpu", "--space", "8,4/8/8/8,4/8/8/8/8,4", "-o", "s.h5")
    exported = ("ganc-export", "--checkpoint", teacher, "-o", "dist")
    merged = ("ganc", "merge", made / "shard0.h5", made / "shard1.h5", "-o", "s.h5")
    extracted = ("ganc", "extract", teacher, "--network", "generator", "-o", "out.safetensors")
    translated = ("ganc", "translate", teacher, data / "testA", "-o", "out")
    search = ("ganc-search", "--supernet", supernet, *measured_on, *searched)
    return {
        "ganc-search": Case(search, "s.h5", finishes=measured, grows=True),
        "ganc-export": Case((*exported, "--format", "onnx"), "dist", copying(made / "dist")),
        "ganc-export of all formats": Case((*exported, *ALL_FORMATS), "dist", copying(made / "dist")),
        "ganc translate": Case(translated, "out", copying(data / "testA")),
        "ganc merge": Case(merged, "s.h5", copying(made / "shard0.h5")),
        "ganc stats": Case(("ganc", "stats", *measured_on, "-o", "real.npz"), "real.npz"),
        "ganc extract": Case(extracted, "out.safetensors", copying(made / "other.safetensors")),
    }


@pytest.fixture(scope="session")
def undisturbed(cases, server, tmp_path_factory):
    """Return a function that gives the folder of a command that met no fault, and its operations on files."""
    known = {}

    def of(name):
        if name not in known:
            folder = cases[name].prepare(tmp_path_factory.mktemp("undisturbed") / "run")
            (ended,) = server.run(folder, cases[name].command, Fault())
            assert ended.status == 0, ended.said
            known[name] = folder, ended.operations
        return known[name]

    return of


def pytest_terminal_summary(terminalreporter):
    """Say how many runs met which faults, where all did."""
    counts = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                counts.update(dict(report.user_properties))
    if ALL:
        terminalreporter.section("faults")
        for name, count in sorted(counts.items()):
            terminalreporter.write_line(f"{count:6} {name}")
