"""Forward and training-pass time of the original and the compressed generator, with and without ganc's CPU settings.

    python benchmarks/generator.py [--size 256] [--repeats 3]

Three settings, each in processes of its own that take turns: Paddle as it is installed; with the threads and the matrix
library's code path of ganc.system.runtime; with the operations of ganc.models.cpu_forms too. Medians, batch 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from tabulate import tabulate

GENERATORS = {
    "original (resnet, 64)": ("64", "resnet"),
    "compressed (mobile, 16_16_32_16_32_32_16_16)": ("16_16_32_16_32_32_16_16", "mobile"),
}
SETTINGS = ("as installed", "threads and MKL path", "and CPU forms")
PASSES = ("forward", "training pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="width and height of the image")
    parser.add_argument("--repeats", type=int, default=3, help="processes of each setting")
    parser.add_argument("--worker", choices=SETTINGS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(_measure(arguments.worker, arguments.size)))
        return
    runs = {setting: [] for setting in SETTINGS}
    for _ in range(arguments.repeats):
        for setting in SETTINGS:
            runs[setting].append(_in_own_process(setting, arguments.size))
    print(tabulate(_rows(runs), headers="keys", tablefmt="github", floatfmt=".1f"))


def _rows(runs: dict) -> list[dict]:
    rows = []
    for generator in GENERATORS:
        for name in PASSES:
            medians = [statistics.median(run[generator][name] for run in runs[setting]) for setting in SETTINGS]
            row = {"generator": generator, "pass": name}
            row |= {f"{setting}, ms": value for setting, value in zip(SETTINGS, medians, strict=True)}
            rows.append(row | {"factor": medians[0] / medians[-1]})
    return rows


def _in_own_process(setting: str, size: int) -> dict:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE")
    }
    command = [sys.executable, __file__, "--worker", setting, "--size", str(size)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _measure(setting: str, size: int) -> dict:
    if setting == SETTINGS[0]:
        import paddle
    else:
        from ganc.system.runtime import paddle
    import contextlib

    from ganc.models.cpu_forms import plain_forms
    from ganc.models.generator import Generator
    from ganc.models.spec import GeneratorSpec, parse_widths

    paddle.set_device("cpu")
    image = paddle.rand([1, 3, size, size]) * 2 - 1
    times = {}
    with contextlib.nullcontext() if setting == SETTINGS[-1] else plain_forms():
        for name, (widths, block) in GENERATORS.items():
            generator = Generator(GeneratorSpec(widths=parse_widths(widths), block=block))
            generator.initialise(0, "benchmark")

            def forward(generator=generator):
                with paddle.no_grad():
                    generator(image).numpy()

            def train(generator=generator):
                generator(image).abs().mean().backward()
                generator.clear_gradients()

            times[name] = {PASSES[0]: _milliseconds(forward), PASSES[1]: _milliseconds(train)}
    return times


def _milliseconds(run) -> float:
    run()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


if __name__ == "__main__":
    main()
