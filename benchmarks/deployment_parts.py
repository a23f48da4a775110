"""The measurements of benchmarks/deployment.py, each in a process of its own.

    python benchmarks/deployment_parts.py PART '{"setting": …}'

prints the part's figures as one line of JSON. A process loads one engine only: idle threads of another would spin and
slow it down, and Paddle reads its settings once.
"""

import json
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from ganc.engines.networks import read_network
from ganc.engines.timing import random_images, timed_by_turns
from ganc.onnx_graphs.generator import generator_graph, segment_graph

CALLS_A_PROFILE = 20


def exported_by_torch(network: str, folder: str, size: list[int]) -> dict:
    """Write a network and each of its segments as ONNX: by ganc (ganc*.onnx) and by PyTorch (torch*.onnx).

    `torch_fixed.onnx` has the size and a batch of 1 built in; all others have them open.
    """
    import torch
    from torch_networks import generator, segment

    state, target = read_network(Path(network)), Path(folder)
    (target / "ganc.onnx").write_bytes(generator_graph(state))
    axes = {"image": {0: "n", 2: "height", 3: "width"}, "translation": {0: "n", 2: "height", 3: "width"}}
    image = torch.tensor(random_images(1, state.spec.in_channels, tuple(size)))
    settings = {"dynamo": False, "opset_version": 17, "input_names": ["image"], "output_names": ["translation"]}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # PyTorch announces that this exporter gives way to one that needs onnxscript
        whole = generator(state)
        torch.onnx.export(whole, (image,), target / "torch.onnx", dynamic_axes=axes, **settings)
        torch.onnx.export(whole, (image,), target / "torch_fixed.onnx", **settings)
        for number in range(state.spec.shape.segments):
            (target / f"ganc_{number}.onnx").write_bytes(segment_graph(state, number))
            one = segment(state, number)
            torch.onnx.export(one, (image,), target / f"torch_{number}.onnx", dynamic_axes=axes, **settings)
            image = one(image)
    return {"torch": torch.__version__}


def exported_by_ganc(network: str, folder: str, data: str, variants: list[list[str]]) -> dict:
    """Export a checkpoint in variants (format and precision), verified and measured on a data set."""
    from ganc.files.card import Variant
    from ganc.files.checkpoint import read_checkpoint
    from ganc_export.stage import export, standalone

    alone = standalone(read_checkpoint(Path(network)), None, "checkpoint")
    export(alone, Path(folder), Path(data), [Variant(*pair) for pair in variants])
    return {}


def exports(engine: str, threads: int, folder: str, size: list[int], batch: int, repeats: int) -> dict:
    """Time ganc's and PyTorch's ONNX files of one network by turns, and compare what they compute."""
    from ganc.engines.compile import compile_graph

    names = ["ganc", "torch", *(["torch_fixed"] if batch == 1 else [])]
    images = random_images(batch, 3, tuple(size))
    graphs = {name: compile_graph(Path(folder) / f"{name}.onnx", engine, threads=threads) for name in names}
    outputs = {name: graph(images) for name, graph in graphs.items()}
    timings = timed_by_turns([partial(graph, images) for graph in graphs.values()], repeats)
    return {
        "ms": {name: timing.median / batch for name, timing in zip(names, timings, strict=True)},
        "spread": {name: timing.spread / batch for name, timing in zip(names, timings, strict=True)},
        "difference": float(max(np.abs(outputs["ganc"] - output).max() for output in outputs.values())),
    }


def segments(engine: str, threads: int, folder: str, network: str, size: list[int], repeats: int) -> dict:
    """Time the whole network and each of its segments, as ganc and as PyTorch write them, by turns at batch 1."""
    from ganc.engines.compile import compile_graph

    spec = read_network(Path(network)).spec
    compiled = partial(compile_graph, engine=engine, threads=threads)
    image = random_images(1, spec.in_channels, tuple(size))
    calls = [partial(compiled(Path(folder) / "ganc.onnx"), image)]
    for number in range(spec.shape.segments):
        both = [compiled(Path(folder) / f"{writer}_{number}.onnx") for writer in ("ganc", "torch")]
        calls += [partial(graph, image) for graph in both]
        image = both[0](image)
    whole, *timings = [timing.median for timing in timed_by_turns(calls, repeats)]
    return {"whole": whole, "ganc": timings[0::2], "torch": timings[1::2]}


def operators(engine: str, threads: int, folder: str, network: str, size: list[int], segment: int) -> dict:
    """Return the milliseconds of each operator of one segment, as the engine's own profiler has them."""
    from ganc.engines.compile import compile_graph

    image = random_images(1, read_network(Path(network)).spec.in_channels, tuple(size))
    for number in range(segment):
        image = compile_graph(Path(folder) / f"ganc_{number}.onnx", engine, threads=threads)(image)
    profile = {"openvino": _openvino_profile, "onnxruntime": _onnxruntime_profile}[engine]
    return {"operators": profile(Path(folder) / f"ganc_{segment}.onnx", image, threads)}


def peak(threads: int, engine: str, seconds: float) -> dict:
    """Return the best GFLOP/s of products of square float32 matrices, in numpy or in an engine."""
    best = 0.0
    for side in (1024, 2048, 3072):
        multiply = _multiplication(engine, side, threads)
        until = time.perf_counter() + seconds / 3
        while time.perf_counter() < until:
            start = time.perf_counter()
            multiply()
            best = max(best, 2 * side**3 / (time.perf_counter() - start) / 1e9)
    return {"gflops": best}


def untouched_paddle(folder: str, size: list[int], batch: int, repeats: int, onednn: bool | None) -> dict:
    """Time an inference model as Paddle Inference runs it when nothing is set, neither in it nor in the environment.

    `onednn` False switches oneDNN off, which is what Paddle 2.6 does by itself.
    """
    from paddle import inference

    program = next(path for path in Path(folder).iterdir() if path.suffix in (".json", ".pdmodel"))
    config = inference.Config(str(program), str(program.with_suffix(".pdiparams")))
    config.disable_glog_info()
    if onednn is False and config.mkldnn_enabled():
        config.disable_mkldnn()
    predictor = inference.create_predictor(config)
    images = random_images(batch, 3, tuple(size))

    def run() -> None:
        predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(images)
        predictor.run()
        predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()

    (timing,) = timed_by_turns([run], repeats, warm_up=1)
    return {
        "ms": timing.median / batch,
        "spread": timing.spread / batch,
        "onednn": bool(config.mkldnn_enabled()),
        "threads": config.cpu_math_library_num_threads(),
    }


def paddle_model(network: str | None, folder: str) -> dict:
    """Write a network (None: the untrained original) as a Paddle inference model."""
    from ganc.engines.tracing import save_inference_model
    from ganc.models.generator import Generator

    save_inference_model(Generator.from_state(read_network(network and Path(network))), Path(folder))
    return {}


def _multiplication(engine: str, side: int, threads: int):
    one, other = (random_images(1, 1, (side, side))[0, 0] for _ in range(2))
    if engine == "numpy":
        return partial(np.matmul, one, other, out=np.empty_like(one))
    import openvino
    from openvino import opset13

    entry = opset13.parameter([side, side], np.float32)
    model = openvino.Model([opset13.matmul(entry, opset13.constant(other), False, False)], [entry])
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return partial(request.infer, [one], share_inputs=True, share_outputs=True)


def _openvino_profile(graph: Path, image: np.ndarray, threads: int) -> list[dict]:
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "PERF_COUNT": True,
    }
    core = openvino.Core()
    request = core.compile_model(core.read_model(str(graph)), "CPU", settings).create_infer_request()
    seen: dict[tuple[str, str], list[float]] = {}
    for call in range(CALLS_A_PROFILE + 3):
        request.infer([image], share_inputs=True, share_outputs=True)
        for node in request.get_profiling_info() if call >= 3 else []:
            if milliseconds := 1000 * node.real_time.total_seconds():
                seen.setdefault((node.node_name, f"{node.node_type} ({node.exec_type})"), []).append(milliseconds)
    return _longest_first(seen)


def _onnxruntime_profile(graph: Path, image: np.ndarray, threads: int) -> list[dict]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    options.enable_profiling = True
    options.profile_file_prefix = str(graph.with_suffix(""))
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    for _ in range(CALLS_A_PROFILE + 3):
        session.run(None, {session.get_inputs()[0].name: image})
    events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    seen: dict[tuple[str, str], list[float]] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            seen.setdefault((name, event["args"]["op_name"]), []).append(event["dur"] / 1000)
    return _longest_first({key: times[3:] for key, times in seen.items()})


def _longest_first(seen: dict[tuple[str, str], list[float]]) -> list[dict]:
    """Return the median milliseconds of all operators of a kind together, and what they are in the network."""
    kinds: dict[tuple[str, str], list[float]] = {}
    for (name, operator), times in seen.items():
        place = name.removesuffix("_nchwc").rpartition(".")[2] if name.startswith("stages.") else ""
        kinds.setdefault((operator, place), []).append(float(np.median(times)))
    order = sorted(kinds, key=lambda kind: sum(kinds[kind]), reverse=True)
    return [{"operator": kind[0], "of": kind[1], "times": len(kinds[kind]), "ms": sum(kinds[kind])} for kind in order]


PARTS = (exported_by_torch, exported_by_ganc, exports, segments, operators, peak, untouched_paddle, paddle_model)

if __name__ == "__main__":
    part = {one.__name__: one for one in PARTS}[sys.argv[1]]
    print(json.dumps(part(**json.loads(sys.argv[2]))))
