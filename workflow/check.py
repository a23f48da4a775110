"""Show what a pipeline made, and fail if its translation is not good enough.

    python workflow/check.py out/demo --ratio 0.5

The check: the metric of the exported generator is at most `ratio` of that of the untouched images.
"""

import argparse
import json
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the pipeline's output folder")
    parser.add_argument("--ratio", type=float, required=True, help="the largest exported / untouched metric")
    arguments = parser.parse_args()
    rows = json.loads((arguments.folder / "report.json").read_text())
    print((arguments.folder / "report.md").read_text())
    print(f"images: {arguments.folder / 'strip.jpg'}")
    untouched, exported = rows[0]["value"], rows[-1]["value"]
    verdict = (
        f"{rows[0]['metric']} of exported / untouched: {exported:.2f} / {untouched:.2f} = {exported / untouched:.2f}, "
        f"at most {arguments.ratio} is required"
    )
    if not exported <= arguments.ratio * untouched:
        sys.exit(f"Error: {verdict}: the translation is not good enough")
    print(f"check passed: {verdict}")


if __name__ == "__main__":
    main()
