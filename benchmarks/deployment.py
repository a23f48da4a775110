"""How fast the compressed generator runs where it is deployed: every figure of docs/deployment.md, in one run.

    python benchmarks/deployment.py [--checkpoint FILE] [--data DIR] [--quick] [--page docs/deployment.md]

Needs ganc-common[cpu,onnx,openvino] and PyTorch. Without --checkpoint the compressed generator is an untrained
16_16_32_16_32_32_16_16, as time does not depend on weights; without --data the images are ganc's synthetic ones. What
is compared with each other takes turns in one process, or in processes that take turns.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path

from deployment_setup import (
    COMPRESSED,
    Setup,
    draw_images,
    environment,
    fill_page,
    make_setup,
    progress,
    table,
    timed_rows,
    timings_of,
)

from ganc.base.engine_table import ENGINES, FORMATS, exported_engines, graph_engines
from ganc.bench.plan import Wanted
from ganc.bench.run import bench
from ganc.engines.networks import read_network
from ganc.files.card import read_card
from ganc.report.speed_chart import draw_chart
from ganc.system.runtime import available_cores

TORCH_FILES = {"torch": "PyTorch's", "torch_fixed": "PyTorch's, sizes fixed"}


def main() -> None:
    arguments = _arguments()
    if arguments.redraw:
        _draw(timed_rows(arguments.page), (arguments.size, arguments.size), arguments.chart)
        return
    with tempfile.TemporaryDirectory() as folder:
        setup = make_setup(arguments, Path(folder))
        texts = {"environment": environment(setup)}
        print(texts["environment"], flush=True)
        for number, (title, section) in enumerate(SECTIONS.items(), 1):
            if arguments.only and str(number) not in arguments.only.split(","):
                continue
            progress(title)
            texts[section.__name__] = section(setup)
            print(f"\n### {number}. {title}\n\n{texts[section.__name__]}", flush=True)
        if arguments.chart:
            _draw(setup.figures["against the original"], setup.size, arguments.chart)
        if arguments.page:
            if arguments.chart:
                place = os.path.relpath(arguments.chart, arguments.page.parent)
                texts[against_the_original.__name__] += f"\n\n![milliseconds an image in each engine]({place})"
            fill_page(arguments.page, texts)
        if arguments.json:
            arguments.json.write_text(json.dumps(setup.figures, indent=1) + "\n", encoding="utf-8")


def _draw(rows: Sequence[Mapping], size: tuple[int, int], chart: Path) -> None:
    draw_chart([{**row, "model": COMPRESSED} for row in rows], size, chart)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="the compressed generator; without it an untrained one")
    parser.add_argument("--data", type=Path, help="a data set, for int8 and for what precision costs")
    parser.add_argument("--size", type=int, default=256, help="width and height of the images")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--only", help="numbers of the sections to run, joined by commas")
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it runs")
    parser.add_argument("--page", type=Path, help="put the tables into this page, between its marks")
    parser.add_argument("--chart", type=Path, help="draw the times of the first section (.png)")
    parser.add_argument("--redraw", action="store_true", help="draw --chart of the times that --page has; time nothing")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    if arguments.chart and arguments.only and "1" not in arguments.only.split(","):
        parser.error("--chart draws section 1, which --only leaves out")
    if arguments.redraw and not (arguments.chart and arguments.page):
        parser.error("--redraw draws --chart of what --page has: name both")
    return arguments


def against_the_original(setup: Setup) -> str:
    """Original and compressed generator by turns, in f32 in every engine."""
    wanted = Wanted(
        models=(setup.compressed,),
        engines=exported_engines(),
        batches=setup.batches,
        threads=(setup.threads,),
        size=setup.size,
        repeats=setup.repeats,
        min_seconds=0,
        device="cpu",
    )
    rows = setup.figures["against the original"] = bench(wanted, progress)
    return table(
        {
            "engine, f32": row["engine"],
            "batch": row["batch"],
            "original, ms an image": f"{row['original_ms']:.1f} ({row['original_spread_ms']:.1f})",
            "compressed, ms an image": f"{row['compressed_ms']:.2f} ({row['compressed_spread_ms']:.2f})",
            "ms a batch": f"{row['original_batch_ms']:.0f} -> {row['compressed_batch_ms']:.0f}",
            "times faster": f"{row['speedup']:.2f}",
        }
        for row in rows
    )


def against_pytorch_s_export(setup: Setup) -> str:
    """ganc's ONNX file and PyTorch's of the same network by turns."""
    made = _torch_files(setup)
    rows = []
    for engine in graph_engines():
        for batch in setup.batches:
            settings = {"folder": str(setup.folder), "size": setup.size, "repeats": setup.repeats}
            found = setup.part("exports", engine=engine, threads=setup.threads, batch=batch, **settings)
            setup.figures.setdefault("against PyTorch's export", []).append({"engine": engine, "batch": batch, **found})
            rows += [
                {
                    "engine": engine,
                    "batch": batch,
                    "file compared with": label,
                    "its ms an image": f"{found['ms'][name]:.2f} ({found['spread'][name]:.2f})",
                    "ganc's ms an image": f"{found['ms']['ganc']:.2f} ({found['spread']['ganc']:.2f})",
                    "ganc's / its time": f"{found['ms']['ganc'] / found['ms'][name]:.3f}",
                    "largest difference": f"{found['difference']:.1e}",
                }
                for name, label in TORCH_FILES.items()
                if name in found["ms"]
            ]
    return f"{table(rows)}\n\nPyTorch {made['torch']}, torch.onnx.export(dynamo=False), opset 17."


def precisions(setup: Setup) -> str:
    """Each precision against f32 in the same engine by turns, and how far its images are from the checkpoint's."""
    folder, card = _exported(setup)
    facts = {(one["format"], one["precision"]): one for one in card["forms"]}
    rows = []
    for engine in graph_engines():
        kind = ENGINES[engine].formats[0]
        has = tuple(precision for one, precision in facts if one == kind)
        timings = timings_of(setup, engine, has, folder)
        f32 = {one["batch"]: one["batch_ms"] for one in timings if one["precision"] == "f32"}
        rows += [
            {"engine": engine, "variant": facts[kind, one["precision"]], "f32_ms": f32[one["batch"]], **one}
            for one in timings
        ]
    setup.figures["precisions"] = rows
    return f"{_what_is_translated(setup)}\n\n" + table(
        {
            "engine": row["engine"],
            "precision": row["precision"],
            "batch": row["batch"],
            "ms an image": f"{row['batch_ms'] / row['batch']:.2f} ({row['batch_spread_ms'] / row['batch']:.2f})",
            "of f32's time": f"{row['batch_ms'] / row['f32_ms']:.2f}",
            "mean difference": f"{row['variant']['difference']['mean']:.1e}",
            "largest": f"{row['variant']['difference']['largest']:.1e}",
            "metric": f"{row['variant']['metric']:.3f}",
        }
        for row in rows
    )


def _what_is_translated(setup: Setup) -> str:
    network = (
        "The generator is trained."
        if setup.trained
        else "The generator is untrained and nearly a random map, which exaggerates every rounding."
    )
    images = f"of {setup.data.name}" if setup.data else "ganc's synthetic ones, with grain"
    return f"{network} The images are {images}."


def _exported(setup: Setup) -> tuple[Path, dict]:
    """Export the compressed generator in every precision; return the folder and its card."""
    data, folder = setup.data or setup.folder / "images", setup.folder / "exported"
    if setup.data is None:
        draw_images(data, setup.size[0])
    lacking = {"f32", "bf16"} - {*_openvino_precisions()}
    kinds = [ENGINES[engine].formats[0] for engine in graph_engines()]
    variants = [(kind, one) for kind in kinds for one in FORMATS[kind].precisions if one not in lacking]
    setup.part("exported_by_ganc", network=str(setup.compressed), folder=str(folder), data=str(data), variants=variants)
    return folder, read_card(folder)


def against_paddle_s_defaults(setup: Setup) -> str:
    """The original in Paddle Inference as it comes, against the compressed generator's fastest variant, in rounds."""
    folder = setup.folder / "original"
    folder.mkdir()
    setup.part("paddle_model", network=None, folder=str(folder))
    variants = [("openvino", precision) for precision in _openvino_precisions()] + [("onnxruntime", "f32")]
    today: dict[tuple, list[dict]] = {}
    compressed: dict[tuple, list[float]] = {}
    for number in range(setup.rounds):
        progress(f"round {number + 1} of {setup.rounds}")
        for batch, onednn in product(setup.batches, (None, False)):
            settings = {"folder": str(folder), "size": setup.size, "batch": batch, "onednn": onednn}
            found = setup.part("untouched_paddle", plain=True, repeats=1 if batch > 1 else 3, **settings)
            today.setdefault((batch, found["onednn"], found["threads"]), []).append(found)
        for engine, precision in variants:
            for one in timings_of(setup, engine, (precision,)):
                compressed.setdefault((one["batch"], engine, precision), []).append(one["batch_ms"] / one["batch"])
    rows = []
    for (batch, onednn, threads), runs in today.items():
        before = statistics.median(run["ms"] for run in runs)
        times, engine, precision = min(
            (statistics.median(times), *variant) for (of, *variant), times in compressed.items() if of == batch
        )
        rows.append(
            {
                "batch": batch,
                "original in Paddle Inference": f"oneDNN {'on' if onednn else 'off'}, {threads} thread",
                "ms an image": f"{before:.0f}",
                "compressed, fastest": f"{engine}, {precision}",
                "its ms an image": f"{times:.2f}",
                "times faster": f"{before / times:.0f}",
            }
        )
    setup.figures["against Paddle's defaults"] = rows
    defaults = "on" if any(onednn for _, onednn, _ in today) else "off"
    return f"{table(rows)}\n\noneDNN is {defaults} by default in Paddle {version('paddlepaddle')}; in 2.6 it is off."


def against_the_machine(setup: Setup) -> str:
    """GFLOP/s of each segment of the compressed generator against the best matrix product."""
    _torch_files(setup)
    spec = read_network(setup.compressed).spec
    costs = [spec.segment_costs(segment, setup.size) for segment in range(spec.shape.segments)]
    giga_flops = [2 * one.device_macs / 1e9 for one in costs]
    peaks: dict[str, float] = {}
    found = {}
    for engine in graph_engines():
        _measure_peaks(setup, peaks)
        found[engine] = setup.part("segments", engine=engine, repeats=setup.repeats, **_segment_settings(setup))
    _measure_peaks(setup, peaks)
    setup.figures["against the machine"] = {"peaks": peaks, "giga_flops": giga_flops, "segments": found}
    products = ", ".join(f"{name} {gflops:.0f} GFLOP/s" for name, gflops in peaks.items())
    parts = [_limits(setup, engine, found[engine], giga_flops, max(peaks.values())) for engine in graph_engines()]
    return "\n\n".join([f"Best float32 matrix product: {products}.", *parts])


def _segment_settings(setup: Setup) -> dict:
    return {
        "threads": setup.threads,
        "folder": str(setup.folder),
        "network": str(setup.compressed),
        "size": setup.size,
    }


def _limits(setup: Setup, engine: str, found: dict, giga_flops: list[float], peak: float) -> str:
    lost = [ms - 1000 * work / peak for ms, work in zip(found["ganc"], giga_flops, strict=True)]
    worst = lost.index(max(lost))
    profile = setup.part("operators", engine=engine, segment=worst, **_segment_settings(setup))["operators"]
    found["operators"] = {"segment": worst, "profile": profile}
    rows = [
        {"operator": one["operator"], "times": one["times"], "of": one["of"], "ms": f"{one['ms']:.3f}"}
        for one in profile
    ]
    return (
        f"**{engine}**, f32, batch 1\n\n{table(_segment_rows(found, giga_flops, peak))}\n\n"
        f"Segment {worst} loses most against the peak, {lost[worst]:.2f} ms; its operators:\n\n{table(rows)}"
    )


def _segment_rows(found: dict, giga_flops: list[float], peak: float) -> list[dict]:
    rows = [
        (str(segment), work, ms, plain)
        for segment, (work, ms, plain) in enumerate(zip(giga_flops, found["ganc"], found["torch"], strict=True))
    ]
    rows.append(("sum of segments", sum(giga_flops), sum(found["ganc"]), sum(found["torch"])))
    rows.append(("whole", sum(giga_flops), found["whole"], None))
    return [
        {
            "segment": name,
            "GFLOP": f"{work:.3f}",
            "ms": f"{ms:.2f}",
            "GFLOP/s": f"{1000 * work / ms:.0f}",
            "share of the peak": f"{100000 * work / ms / peak:.0f} %",
            "ms at the peak": f"{1000 * work / peak:.2f}",
            "ms as PyTorch exports it": "-" if plain is None else f"{plain:.2f}",
        }
        for name, work, ms, plain in rows
    ]


def _measure_peaks(setup: Setup, peaks: dict[str, float]) -> None:
    seconds = 0.5 if setup.rounds == 1 else 4
    for engine in ("openvino", "numpy"):
        found = setup.part("peak", threads=setup.threads, engine=engine, seconds=seconds)["gflops"]
        peaks[engine] = max(found, peaks.get(engine, 0.0))


def _torch_files(setup: Setup) -> dict:
    if "torch" not in setup.figures:
        settings = {"network": str(setup.compressed), "folder": str(setup.folder), "size": setup.size}
        setup.figures["torch"] = setup.part("exported_by_torch", **settings)["torch"]
    return {"torch": setup.figures["torch"]}


def _openvino_precisions() -> list[str]:
    import openvino

    capable = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return ["f32", "bf16"] if capable else ["f32"]


SECTIONS: dict[str, Callable[[Setup], str]] = {
    "Original against compressed, the same engine on both sides": against_the_original,
    "ganc's ONNX file against PyTorch's own export of the same network": against_pytorch_s_export,
    "Precisions": precisions,
    "Against what a user has today": against_paddle_s_defaults,
    "How far from the machine's limit": against_the_machine,
}

if __name__ == "__main__":
    main()
