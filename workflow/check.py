"""Show what a pipeline made, and fail if its translation is not good enough.

    python workflow/check.py workflow/demo.yaml

The check: the kernel distance of the exported generator's images is at most a part of that of the untouched images,
and at most so many times the teacher's; of pairs, the mean absolute error to the ground truth is at most a part of the
untouched images'. `check` in the configuration says these numbers (`untouched`, `teacher`, `error`); without, nothing
is checked. What is smaller than its standard error counts as that error: below it there is nothing to compare with.
"""

import argparse
import json
import sys
from pathlib import Path

import yaml

# By the limit's name: the row of the report that the exported generator's is put to, and by which of its members.
CHECKS = {
    "untouched": ("untouched images", "kernel"),
    "teacher": ("mobile", "kernel"),
    "error": ("untouched images", "mae"),
}
WORDS = {"kernel": "kernel distance", "mae": "mean absolute error"}
ABSENT = {"kernel": "the statistics hold no features", "mae": "the images are no pairs"}
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
    found = [verdict(rows, name, most) for name, most in limits.items()]
    if failed := [said for said, good in found if not good]:
        sys.exit(f"Error: the translation is not good enough: {'; '.join(failed)}")
    print(f"check passed: {rows[EXPORTED]['metric']}")


def verdict(rows: dict[str, dict], limit: str, most: float) -> tuple[str, bool]:
    """Return a sentence about one check, which is printed, and whether it is passed."""
    name, what = CHECKS[limit]
    name = name if name in rows else limit  # a teacher that stage 1 did not make is called one
    found = rows[EXPORTED].get(what)
    if found is None:
        reason = rows[EXPORTED].get("unmeasured") or ABSENT[what]
        sys.exit(f"Error: there is no {WORDS[what]} to check: {reason}")
    other = rows[name]
    base = max(other[what], other[f"{what}_error"] or 0)
    said = (
        f"{WORDS[what]} of exported / {name.removesuffix(' images')}: {found:.4g} / {base:.4g} = {found / base:.2f}, "
        f"at most {most} is asked"
    )
    print(said)
    return said, found <= most * base


if __name__ == "__main__":
    main()
