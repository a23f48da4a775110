"""Frame time in a browser: the compressed generator beside the original, on one thread and on several.

    python benchmarks/web.py [--checkpoint FILE] [--original FILE] [--threads 1,2] [--page docs/browser.md]

Exports both with ganc-export --format web and times them in headless Chromium, by turns in one page, each in a worker
of its own as the page has it. Needs ganc-common[cpu,onnx] and Chromium; ONNX Runtime Web is fetched where ganc's cache
has none. Without the two files the generators are untrained, of the published sizes: time does not depend on weights.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from deployment_setup import COMPRESSED, fill_page, progress, table

from ganc.base.rng import keyed_generator
from ganc.engines.networks import read_network, untrained
from ganc.files.checkpoint import GENERATOR, Checkpoint, write_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.family import format_widths
from ganc.models.spec import ORIGINAL, GeneratorSpec, parse_widths
from ganc.models.task import CYCLEGAN
from ganc.system.runtime import available_cores
from ganc.system.static_server import StaticServer
from ganc_export.web.runtime import VERSION

sys.path.append(str(Path(__file__).parents[1]))
from shared.browser import Browser, find_browser, running_browser

NAMES = ("original", "compressed")

# Loads both generators into workers; `frame` times one image in one of them, by the page's own code.
LOAD = """
(async (threads, size) => {
  const { Generator } = await import("/generator.js");
  const page = await (await fetch("/page.json")).json();
  const image = new ImageData(Uint8ClampedArray.from({ length: 4 * size * size }, (_, i) => (i * 7919) % 256), size);
  const loaded = {};
  for (const name of ["original", "compressed"]) {
    loaded[name] = await new Generator("wasm", threads).load(page, page.generators[name]);
  }
  window.frame = async (name) => (await loaded[name].run(image)).ms;
  window.stop = () => Object.values(loaded).forEach((one) => one.stop());
})
"""


def main() -> None:
    arguments = _arguments()
    if find_browser() is None:
        sys.exit("needs Chromium: apt-get install chromium, or name one with GANC_BROWSER")
    with tempfile.TemporaryDirectory() as folder:
        files = _written(arguments, Path(folder))
        dist = _exported(files, Path(folder) / "dist")
        with StaticServer(dist / "web", "127.0.0.1", 0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            times = _measured(server.address, arguments)
            server.shutdown()
        content = json.loads((dist / "web" / "page.json").read_text(encoding="utf-8"))
    if arguments.json:
        print(json.dumps(times, indent=1))
        return
    text = f"{_environment(arguments, content, times['browser'])}\n\n{table(map(_row, times['rows']))}"
    print(text)
    if arguments.page:
        fill_page(arguments.page, {"web": text})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="the compressed generator; untrained without")
    parser.add_argument("--original", type=Path, help="the original one; untrained without")
    parser.add_argument("--size", type=int, default=256, help="width and height of the image")
    parser.add_argument("--threads", default=f"1,{min(4, available_cores())}", help="numbers of threads")
    parser.add_argument("--repeats", type=int, default=10, help="timed images of each generator")
    parser.add_argument("--page", type=Path, help="the page whose table is replaced")
    parser.add_argument("--json", action="store_true", help="print all times as JSON")
    return parser.parse_args()


def _written(arguments: argparse.Namespace, folder: Path) -> dict[str, Path]:
    """Return the checkpoints of both generators; those that are not given are made."""
    files = {"original": arguments.original, "compressed": arguments.checkpoint}
    specs = {"original": ORIGINAL, "compressed": GeneratorSpec(widths=parse_widths(COMPRESSED))}
    for name in NAMES:
        state = read_network(files[name]) if files[name] else _with_biases(untrained(specs[name]))
        files[name] = folder / f"{name}.safetensors"
        facts = {"image_size": (arguments.size, arguments.size)}
        content = {"task": CYCLEGAN, "direction": "AtoB", "networks": {GENERATOR: state}, "training": facts}
        write_checkpoint(files[name], Checkpoint(stage="export", **content))
    return files


def _with_biases(state: NetworkState) -> NetworkState:
    """Return a network whose biases are not 0, so that its answers are more than rounding."""
    tensors = {
        name: keyed_generator(0, f"bias/{name}").normal(0, 0.1, tensor.shape).astype(np.float32)
        if name.endswith(".bias")
        else tensor
        for name, tensor in state.tensors.items()
    }
    return NetworkState(state.spec, tensors)


def _exported(files: dict[str, Path], dist: Path) -> Path:
    progress("exporting both generators")
    command = [Path(sys.executable).with_name("ganc-export"), "--format", "web", "--no-webgpu", "-o", dist]
    command += ["--checkpoint", files["compressed"], "--original", files["original"]]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    return dist


def _measured(address: str, arguments: argparse.Namespace) -> dict:
    """Return the browser's name, and for each number of threads all milliseconds of each generator."""
    rows = []
    with running_browser() as browser:
        browser.open(f"{address}page.json")
        if not browser.run("self.crossOriginIsolated"):
            sys.exit("the page is not isolated: threads cannot be timed")
        for threads in sorted({int(number) for number in arguments.threads.split(",")}):
            progress(f"{threads} threads")
            browser.run(f"{LOAD}({threads}, {arguments.size})")
            rows.append({"threads": threads, **_by_turns(browser, arguments.repeats)})
            browser.run("stop()")
        return {"browser": browser.send("Browser.getVersion")["product"], "rows": rows}


def _by_turns(browser: Browser, repeats: int) -> dict[str, list[float]]:
    """Return the milliseconds of so many images of each generator; some before them let the browser compile."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for turn in range(-3, repeats):
        for name in NAMES:
            milliseconds = browser.run(f"frame('{name}')")
            if turn >= 0:
                times[name].append(milliseconds)
    return times


def _row(row: dict) -> dict:
    original, compressed = (statistics.median(row[name]) for name in NAMES)
    return {
        "threads": row["threads"],
        **{f"{name}, ms an image": _spread(row[name]) for name in NAMES},
        "times faster": f"{original / compressed:.1f}",
    }


def _spread(times: list[float]) -> str:
    low, high = np.percentile(times, [25, 75])
    return f"{statistics.median(times):,.0f} ({low:,.0f} to {high:,.0f})"


def _environment(arguments: argparse.Namespace, content: dict, browser: str) -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    macs = [content["generators"][name]["macs"] / 1e9 for name in NAMES]
    widths = format_widths(read_network(arguments.checkpoint).spec.widths) if arguments.checkpoint else COMPRESSED
    size, repeats = arguments.size, arguments.repeats
    return (
        f"{processor}, {available_cores()} cores; {browser}, headless, ONNX Runtime Web {VERSION} on WebAssembly; "
        f"images of {size}x{size}, {repeats} of each generator by turns, medians and quartiles. "
        f"The compressed generator is {widths}: {macs[1]:.2f} G multiply-accumulates against {macs[0]:.2f} G."
    )


if __name__ == "__main__":
    main()
