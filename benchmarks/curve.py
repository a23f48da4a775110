"""Cost against quality: sub-networks of one supernet under several budgets, each trained on alone.

    python benchmarks/curve.py out/real-generator --data horse2zebra --budgets 2.0G 1.4G 1.0G 0.7G [--epochs 10]

The folder is what the workflow made: teacher, supernet and search results. For each budget `ganc-finetune` trains the
best sub-network of the results as the workflow's configuration does, for a shorter time. A budget whose checkpoint is
there is only compared, on the test images; milliseconds are of one image in OpenVINO.
"""

import argparse
import json
from pathlib import Path

from distillation_setup import Exam, quality, ran, untouched
from tabulate import tabulate

from ganc.base.text import format_count

RECIPE = ("--warm-up", 100, "--ema", 0.999, "--gan-weight", 0, "--lr", 0.0005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with teacher.safetensors, supernet.safetensors, search.h5")
    parser.add_argument("--data", type=Path, required=True, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--budgets", nargs="+", default=["2.0G", "1.4G", "1.0G", "0.7G"], help="MACs")
    parser.add_argument("--epochs", type=int, default=10, help="of each; half of them at the full rate")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--loss", nargs="+", default=["lite0=5"])
    parser.add_argument("--engine", default="openvino", help="of the training's passes")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()

    teacher = arguments.folder / "teacher.safetensors"
    exam = Exam(teacher, arguments.data, arguments.size)
    timed = ("--time", "--engine", "openvino")
    rows = [{"budget": "(the teacher)"} | exam(teacher, *timed)]
    for budget in arguments.budgets:
        made = arguments.folder / "curve" / f"{budget}.safetensors"
        if not made.exists():
            _finetune(arguments, budget, made)
        rows.append({"budget": budget} | exam(made, *timed))
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1))
    lines = [{"budget": "(untouched images)"} | untouched(rows[0]), *map(_line, rows)]
    print(tabulate(lines, headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


def _finetune(arguments: argparse.Namespace, budget: str, made: Path) -> None:
    made.parent.mkdir(exist_ok=True)
    folder, half = arguments.folder, arguments.epochs // 2
    ran(
        "ganc-finetune",
        *("--supernet", folder / "supernet.safetensors", "--teacher", folder / "teacher.safetensors"),
        *("--results", folder / "search.h5", "--max-macs", budget, "--data", arguments.data, *RECIPE),
        *("--load-size", arguments.size, "--crop-size", arguments.crop, "--eval-size", arguments.size),
        *("--batch-size", 2, "--epochs", half, "--decay-epochs", arguments.epochs - half, "--eval-every", 0),
        *(word for loss in arguments.loss for word in ("--loss", loss)),
        *("--engine", arguments.engine, "--device", "cpu", "-o", made),
    )


def _line(row: dict) -> dict[str, str]:
    return {
        "budget": row["budget"],
        **quality(row),
        "MACs": format_count(row["macs"]),
        "parameters": format_count(row["params"]),
        "ms an image": f"{row['milliseconds']:.1f}",
    }


if __name__ == "__main__":
    main()
