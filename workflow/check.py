"""Show what a pipeline made, and fail if its translation is not good enough.

    python workflow/check.py workflow/demo.yaml

The check: the kernel distance of the exported generator's images is at most a part of that of the untouched images,
and at most so many times the teacher's. `check` in the configuration says both numbers; without, nothing is checked. A
distance that is smaller than its standard error counts as that error: below it there is nothing to compare with.
"""

import argparse
import json
import sys
from pathlib import Path

import yaml

ROWS = {"untouched": "untouched images", "teacher": "mobile"}  # of the report, that the exported generator's is put to
EXPORTED = "exported"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configuration", type=Path, help="the pipeline's configuration")
    configuration = yaml.safe_load(parser.parse_args().configuration.read_text())
    folder, limits = Path(configuration["out"]), configuration.get("check") or {}
    rows = {row["name"]: row for row in json.loads((folder / "report.json").read_text())}
    print((folder / "report.md").read_text())
    print(f"images: {folder / 'strip.jpg'}")
    if not limits:
        return
    if rows[EXPORTED]["kernel"] is None:
        sys.exit("Error: there is no kernel distance to check: the statistics hold no features")
    failed = [said for said, good in map(verdict, *zip(*checks(rows, limits), strict=True)) if not good]
    if failed:
        sys.exit(f"Error: the translation is not good enough: {'; '.join(failed)}")
    print(f"check passed: {rows[EXPORTED]['metric']}")


def checks(rows: dict[str, dict], limits: dict) -> list[tuple]:
    """Return what each check compares: a name, the exported generator's row, the other's, and the largest ratio."""
    return [(name, rows[EXPORTED], rows[row], limits[name]) for name, row in ROWS.items() if name in limits]


def verdict(name: str, exported: dict, other: dict, most: float) -> tuple[str, bool]:
    """Return a sentence about one check, which is printed, and whether it is passed."""
    base = max(other["kernel"], other["kernel_error"] or 0)
    found = exported["kernel"]
    said = (
        f"kernel distance of exported / {name}: {found:.4g} / {base:.4g} = {found / base:.2f}, at most {most} is asked"
    )
    print(said)
    return said, found <= most * base


if __name__ == "__main__":
    main()
