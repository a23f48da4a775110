"""`ganc bench` through the command: rows, quotients, what is left out and why, and the chart."""

import importlib.util
import json
import math
import subprocess
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from helpers.stages import json_of, nothing_changes, refusal, wait_until
from helpers.support import (
    UNTRAINED,
    UNTRAINED_SET,
    command_line,
    fail,
    generator_spec,
    invoke,
    make_checkpoint,
    random_state,
    run_command,
    succeed,
)
from PIL import Image

from ganc.base.atomic import WriteError
from ganc.base.rng import keyed_generator
from ganc.engines.eager import EagerEngine
from ganc.engines.timing import timed_by_turns
from ganc.files.checkpoint import write_checkpoint
from ganc.models.generator import Generator
from ganc.report.speed_chart import draw_chart

QUICK = ("--size", 32, "--repeats", 1, "--min-seconds", 0, "--device", "cpu")
ROW = {"engine", "device", "precision", "batch", "threads", "model", "original_ms", "compressed_ms", "speedup"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with `original` (resnet blocks, width 8) and `compressed` (mobile blocks, width 4)."""
    folder = tmp_path_factory.mktemp("models")
    write_checkpoint(folder / "original", make_checkpoint("replace", 8, block="resnet"))
    write_checkpoint(folder / "compressed", make_checkpoint("finetune", 4))
    return folder


def bench(models, *options, **how):
    return invoke("ganc", "bench", models / "compressed", "--original", models / "original", *QUICK, *options, **how)


def rows_of(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_every_combination_has_a_row_with_exact_quotients(models):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip("onnxruntime", reason="times ONNX Runtime")
    engines = ("onnxruntime", "paddle")
    named = [option for engine in engines for option in ("--engine", engine)]
    rows = rows_of(bench(models, *named, "--batch", "1,3", "--threads", 1, "--threads", "2", "--json"))
    found = {(row["engine"], row["batch"], row["threads"]) for row in rows}
    assert found == set(product(engines, (1, 3), (1, 2)))
    assert len(rows) == len(found)
    for row in rows:
        assert set(row) >= ROW
        assert (row["precision"], row["device"], row["model"]) == ("f32", "cpu", str(models / "compressed"))
        times = [value for name, value in row.items() if name.endswith("_ms")]
        assert all(math.isfinite(value) and value >= 0 for value in times)
        assert min(row["original_ms"], row["compressed_ms"]) > 0
        assert row["speedup"] == row["original_ms"] / row["compressed_ms"]
        assert row["original_ms"] == row["original_batch_ms"] / row["batch"]
        assert row["compressed_ms"] == row["compressed_batch_ms"] / row["batch"]
        assert min(row["original_runs"], row["compressed_runs"]) >= 1


def test_precisions_of_openvino_and_several_models(models):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    openvino = pytest.importorskip("openvino", reason="times OpenVINO")
    said = bench(models, models / "original", "--engine", "openvino", "--precision", "f32,bf16", "--json")
    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    names = [str(models / name) for name in ("compressed", "original")]
    rows = rows_of(said)
    expected = list(product(("f32", "bf16") if capable else ("f32",), names))
    assert [(row["precision"], row["model"]) for row in rows] == expected
    assert len({row["original_ms"] for row in rows if row["precision"] == "f32"}) == 1
    assert ("no bf16 instructions" in said.stderr) is not capable


def test_an_untrained_original_stands_in_and_the_table_says_all(models):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip("onnxruntime", reason="times ONNX Runtime")
    said = succeed("ganc", "bench", models / "compressed", *QUICK, "--engine", "onnxruntime", "--threads", 1)
    head, _, row = said.stdout.splitlines()
    assert [part.strip() for part in head.split("  ") if part.strip()] == [
        *("model", "engine", "format", "precision", "bytes", "image", "batch", "threads"),
        *("original, ms an image", "compressed, ms an image", "ms a batch", "times faster"),
    ]
    file = models / "compressed"
    setup = ["onnxruntime", "checkpoint", "f32", f"{file.stat().st_size:,}", "32x32", "1", "1"]
    assert row.split()[:8] == [str(file), *setup]
    assert float(row.split()[-1]) > 0
    assert "timing onnxruntime, 1 thread" in said.stderr


def test_an_exported_folder_is_timed_in_its_own_variant_or_in_one_made_of_it(chain, models):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip("onnxruntime", reason="times ONNX Runtime")
    options = ("--original", models / "original", *QUICK, "--engine", "paddle-inference,onnxruntime", "--json")
    rows = rows_of(invoke("ganc", "bench", chain.export, *options))
    assert [(row["engine"], row["model"], row["format"]) for row in rows] == [
        ("paddle-inference", str(chain.export), "paddle"),
        ("onnxruntime", str(chain.export), "checkpoint"),
    ]


def test_quality_stands_beside_time_where_there_are_images(chain, models):
    pytest.importorskip("onnx", reason="graphs are written with the onnx package")
    pytest.importorskip("onnxruntime", reason="times ONNX Runtime")
    options = ("--original", models / "original", *QUICK, "--engine", "onnxruntime", "--batch", "1,2")
    options += ("--data", chain.data, *UNTRAINED_SET)
    rows = rows_of(invoke("ganc", "bench", chain.finetune, *options, "--json"))
    assert [row["batch"] for row in rows] == [1, 2]
    expected = json_of("ganc", "evaluate", chain.finetune, "--data", chain.data, *UNTRAINED_SET, "--size", 32)[0]
    for row in rows:
        assert 0 <= row["difference"]["mean"] <= row["difference"]["largest"] < 1e-3
        assert row["metric"]["distance"] == pytest.approx(expected["value"], rel=1e-3)
        assert (row["size"], row["bytes"]) == ([32, 32], chain.finetune.stat().st_size)
    table = succeed("ganc", "bench", chain.finetune, *options).stdout
    assert UNTRAINED in table.splitlines()[0]
    assert "--data" in refusal("ganc", "bench", chain.finetune, *UNTRAINED_SET, status=2)


@pytest.mark.paddle26
def test_what_is_not_possible_is_left_out_and_said(models):
    said = bench(models, "--engine", "paddle", "--precision", "bf16,f32,int8", "--threads", 1, "--json")
    assert [row["precision"] for row in rows_of(said)] == ["f32"]
    lines = [line for line in said.stderr.splitlines() if line.startswith("left out: ")]
    assert len(lines) == 2
    for line, precision in zip(lines, ("bf16", "int8"), strict=True):
        assert f"paddle has no {precision}" in line


def test_what_is_not_possible_alone_is_an_error(models, tmp_path):
    chart = tmp_path / "chart.png"
    options = (models / "compressed", "--original", models / "original", *QUICK)
    with nothing_changes(tmp_path):
        said = refusal("ganc", "bench", *options, "--engine", "paddle", "--precision", "int8")
        assert "paddle has no int8" in said
        assert "paddle" in refusal("ganc", "bench", *options, "--engine", "paddle", "--device", "gpu:99")
        said = refusal("ganc", "bench", models / "compressed", *QUICK, "--size", 30, "--engine", "paddle")
        assert "30x30" in said
        said = refusal("ganc", "bench", models / "compressed", *QUICK, "--size", "4x32", "--engine", "paddle")
        assert "4x32" in said
        refusal("ganc", "bench", models, *QUICK, "--engine", "paddle", "--chart", chart)


def test_int8_of_a_checkpoint_says_what_to_do(models):
    pytest.importorskip("onnxruntime", reason="times ONNX Runtime")
    options = (models / "compressed", "--original", models / "original", *QUICK, "--engine", "onnxruntime")
    said = refusal("ganc", "bench", *options, "--precision", "int8", "--threads", 1)
    for word in ("onnxruntime", str(models / "original"), "ganc-export --precision int8"):
        assert word in said


def test_engines_that_are_not_installed(models):
    options = ("bench", models / "compressed", "--original", models / "original", *QUICK, "--threads", 1)
    alone = run_command("ganc", *options, "--engine", "openvino", absent=("openvino",))
    assert alone.returncode == 1
    assert "ganc-common[openvino]" in alone.stderr.decode().splitlines()[-1]
    engines = ("--engine", "openvino,paddle", "--json")
    beside = run_command("ganc", *options, *engines, absent=("openvino",))
    assert beside.returncode == 0, beside.stderr
    assert [row["engine"] for row in json.loads(beside.stdout)] == ["paddle"]
    assert "ganc-common[openvino]" in beside.stderr.decode()


def test_a_batch_that_the_memory_has_no_room_for_is_said_in_one_line(models, tmp_path):
    options = ("bench", models / "compressed", *QUICK, "--engine", "onnxruntime", "--threads", 1, "--batch", 100_000)
    command = command_line("ganc", *options)
    limited = ["bash", "-c", 'ulimit -v 4000000 && exec "$@"', "-", *command]
    done = subprocess.run(limited, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "--batch" in last
    assert "memory" in last


def test_the_process_that_times_ends_when_its_parent_is_killed(models):
    options = ("--engine", "paddle", "--threads", 1, "--size", 32, "--min-seconds", 600, "--device", "cpu")
    command = command_line("ganc", "bench", models / "compressed", "--original", models / "original", *options)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bench:
        wait_until(lambda: workers_of(bench.pid), bench)
        (worker,) = workers_of(bench.pid)
        bench.kill()
    wait_until(lambda: not running(worker))


def workers_of(pid):
    """Return the children of a process that time an engine; others may come and go."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"ganc.bench.worker" in command_of(child)]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def running(pid):
    """Whether a process is there and no zombie that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_wrong_usage(models):
    assert "'tensorrt'" in fail("ganc", "bench", models / "compressed", "--engine", "tensorrt", status=2)
    assert "'f8'" in fail("ganc", "bench", models / "compressed", "--precision", "f32,f8", status=2)
    assert "'--batch'" in fail("ganc", "bench", models / "compressed", "--batch", "1,0", status=2)
    assert "'--threads'" in fail("ganc", "bench", models / "compressed", "--threads", "1,4_4", status=2)
    assert str(models / "nothing") in fail("ganc", "bench", models / "nothing", status=2)
    for batch, size in ((1_000_000, 32), (100_000_000, 32), (5000, 256), (1, 65_535)):
        said = fail("ganc", "bench", models / "compressed", "--batch", f"1,{batch}", "--size", size, status=2)
        assert f"{batch}" in said
        assert f"{size}x{size}" in said
    fail("ganc", "bench", status=2)
    assert "--data" in fail("ganc", "bench", models / "compressed", "--feature-set", "any", status=2)


def test_the_chart_is_an_image_that_shows_every_case(models, tmp_path):
    pytest.importorskip("matplotlib", reason="draws the chart")
    chart = tmp_path / "charts" / "bench.png"
    bench(models, "--engine", "paddle", "--batch", "1,2", "--threads", 1, "--chart", chart)
    with Image.open(chart) as image:
        assert image.format == "PNG"
        assert image.width >= 800
        assert image.height >= 200
        colours = {tuple(pixel) for pixel in np.asarray(image.convert("RGB")).reshape(-1, 3)}
    assert {(0xBB, 0xBF, 0xC4), (0x00, 0x72, 0xB2)} <= colours  # the original's bars and the model's


def test_a_chart_grows_with_its_cases_and_stays_away_on_an_error(tmp_path):
    pytest.importorskip("matplotlib", reason="draws the chart")
    row = {"device": "cpu", "precision": "f32", "threads": 2, "model": "m", "original_ms": 240.0}
    rows = [
        {**row, "engine": engine, "batch": batch, "compressed_ms": 15.0 * batch, "speedup": 16 / batch}
        for engine, batch in product(("openvino", "onnxruntime"), (1, 2, 4))
    ]
    sizes = []
    for count in (1, 6):
        draw_chart(rows[:count], (256, 256), tmp_path / f"{count}.png")
        with Image.open(tmp_path / f"{count}.png") as image:
            sizes.append(image.size)
    assert sizes[0][0] == sizes[1][0]
    assert sizes[0][1] < sizes[1][1]
    (tmp_path / "file").write_text("")
    with nothing_changes(tmp_path), pytest.raises(WriteError):
        draw_chart(rows, (256, 256), tmp_path / "file" / "chart.png")


@pytest.mark.paddle26
def test_functions_take_turns_and_slow_ones_once_a_turn():
    calls = []
    timings = timed_by_turns([lambda: calls.append("a"), lambda: calls.append("b")], repeats=3, warm_up=2)
    assert calls[:4] == ["a", "a", "b", "b"]  # warmed up one after the other
    turns = [name for index, name in enumerate(calls) if not index or calls[index - 1] != name]
    assert turns == ["a", "b"] * 4
    assert [timing.runs for timing in timings] == [len(calls) // 2 - 5] * 2  # without warming up and first calls
    assert all(timing.median >= 0 <= timing.spread for timing in timings)


def test_functions_are_timed_for_as_long_as_asked():
    timings = timed_by_turns([lambda: None], repeats=1, min_seconds=0.001)
    assert timings[0].median * timings[0].runs > 0
    assert timings[0].runs > 20


@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_the_benchmark_s_pytorch_form_is_the_same_network(block):
    torch = pytest.importorskip("torch", reason="the form to compare with is PyTorch's")
    path = Path(__file__).parents[2] / "benchmarks" / "torch_networks.py"
    described = importlib.util.spec_from_file_location("torch_networks", path)
    torch_networks = importlib.util.module_from_spec(described)
    described.loader.exec_module(torch_networks)
    state = random_state(generator_spec(widths=(4, 6, 8, 4, 10, 8, 6, 4), block=block, n_blocks=6))
    images = keyed_generator(0, "torch").uniform(-1.3, 1.3, (2, 3, 20, 32)).astype(np.float32)
    with torch.no_grad():
        whole = torch_networks.generator(state)(torch.tensor(images)).numpy()
        x = torch.tensor(images).clip(-1, 1)
        for number in range(state.spec.shape.segments):
            x = torch_networks.segment(state, number)(x)
    np.testing.assert_array_equal(x.numpy(), whole)
    np.testing.assert_allclose(whole, EagerEngine(Generator.from_state(state))(images), atol=2e-5)
