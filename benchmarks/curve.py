"""Cost against quality of students of one teacher; docs/your-own-generator.md has the table.

    python benchmarks/curve.py teacher.safetensors horse2zebra student.safetensors … [--size 256] [--json rows.json]

Checkpoints are compared with the teacher on the test images of the folder; milliseconds are of one image in OpenVINO,
for which the machine should be quiet.
"""

import argparse
import json
from pathlib import Path

from distillation_setup import Exam, quality, untouched
from tabulate import tabulate

from ganc.base.text import format_count
from ganc.files.checkpoint import read_checkpoint
from ganc.models.family import format_widths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("teacher", type=Path, help="its checkpoint, such as ganc import makes")
    parser.add_argument("data", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("students", type=Path, nargs="+", help="checkpoints")
    parser.add_argument("--size", type=int, default=256, help="of the images")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    arguments = parser.parse_args()
    if absent := [str(path) for path in (arguments.teacher, *arguments.students) if not path.is_file()]:
        parser.error(f"no such file: {', '.join(absent)}")

    exam = Exam(arguments.teacher, arguments.data, arguments.size)
    rows = [exam(path, "--time", "--engine", "openvino") for path in (arguments.teacher, *arguments.students)]
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    lines = [{"widths": "(untouched images)"} | untouched(rows[0]), *(_line(row, rows[0]) for row in rows)]
    print(tabulate(lines, headers="keys", tablefmt="github", missingval="-", disable_numparse=True))


def _line(row: dict, teacher: dict) -> dict[str, str]:
    return {
        "widths": format_widths(read_checkpoint(Path(row["model"])).generator.spec.widths),
        **quality(row),
        "of the teacher's": f"{row['kernel'] / teacher['kernel']:.2f}",
        "MACs": format_count(row["macs"]),
        "parameters": format_count(row["params"]),
        "ms an image": f"{row['milliseconds']:.1f}",
    }


if __name__ == "__main__":
    main()
