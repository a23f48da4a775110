"""The page itself: everything that was found, through the template, into one file."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ganc.base.atomic import replacing
from ganc.base.errors import DataError
from ganc.report.gather import Findings, Gap
from ganc.report.html import generators, lineage, missing, search, speed, training
from ganc.report.html.pictures import Picture, embed
from ganc.report.html.text import clean
from ganc.report.html.views import Section
from ganc.report.run_log import Run

HERE = Path(__file__).parent
MOST_STRIPS = 4
MOST_SAMPLES = 8  # runs whose last strip is shown


@dataclass(frozen=True)
class Shown:
    """A picture with its caption; `place` is its address in the page."""

    place: str
    picture: Picture
    caption: str
    alternative: str


@dataclass(frozen=True)
class Report:
    """A report that was written: how many bytes it has, and what it names as missing."""

    bytes: int
    gaps: Sequence[Gap]


def write_report(found: Findings, output: Path) -> Report:
    """Write the report. Equal folders give equal pages.

    Raises:
        WriteError: the file cannot be written.
    """
    content = _content(found)
    text = _page(content).encode("utf-8", errors="replace")
    with replacing(output) as temporary:
        temporary.write_bytes(text)
    return Report(len(text), content["gaps"])


def _page(content: Mapping) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html.jinja").render(style=Markup(style), style_digest=digest, **content)


def _clean(value: object) -> object:
    """Return what the template shows of a value; what is HTML already stays."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _content(found: Findings) -> dict:
    compared = generators.compared(found)
    strips, samples, unseen = _pictures(found)
    found.gaps += unseen
    listed = lineage.steps(found.files)
    sections: list[Section] = [
        generators.side_by_side(found, compared),
        speed.timed(found),
        search.searched(found),
        training.trained(found.runs),
    ]
    return {
        "title": clean(found.folder.resolve().name or "the folder", 80),
        "lead": generators.smaller(compared),
        "figures": generators.figures(found, compared),
        "strips": strips,
        "samples": samples,
        "gaps": missing.gaps(found, compared.rows, compared.source, listed),
        "sections": [section for section in sections if section.charts or section.tables],
        "files": listed,
        "settings": lineage.settings(found),
        "unfinished": [run for run in found.runs if not run.finished],
    }


def _pictures(found: Findings) -> tuple[list[Shown], list[Shown], list[Gap]]:
    """Return the strips, the last sample of each run, and what cannot be shown."""
    sampled = [run for run in training.in_order(found.runs) if run.samples]
    gaps = [Gap(path.name, "is not shown: there are many strips") for path in found.strips[MOST_STRIPS:]]
    gaps += [Gap(f"samples of {run.path.name}", "are not shown: there are many runs") for run in sampled[MOST_SAMPLES:]]
    wanted: list[tuple[Path, Run | None]] = [(path, None) for path in found.strips[:MOST_STRIPS]]
    wanted += [(run.samples[max(run.samples)], run) for run in sampled[:MOST_SAMPLES]]
    strips: list[Shown] = []
    samples: list[Shown] = []
    for number, ((path, run), picture) in enumerate(zip(wanted, embed([path for path, _ in wanted]), strict=True)):
        if isinstance(picture, DataError):
            gaps.append(Gap(path.name, str(picture).removeprefix(f"{path}: ")))
        elif run is None:
            said = "each row is one test image, and what the networks named at the top of the columns make of it"
            strips.append(Shown(f"picture-{number}", picture, clean(path.name), f"A grid of images: {said}."))
        else:
            samples.append(Shown(f"picture-{number}", picture, *_said(run)))
    return strips, samples, gaps


def _said(run: Run) -> tuple[str, str]:
    """Return the caption of a run's last sample, and what it shows in words."""
    step, name = max(run.samples), training.title_of(run)
    earlier = len(run.samples) - 1
    more = f"; {earlier} earlier in samples/" if earlier else ""
    named = ", ".join(clean(label, 40) for label in run.labels)
    what = f"what the networks{f' ({named})' if named else ''} make of it, named at the top of the columns"
    return f"{name} after step {step:,}{more}", f"A grid of images of {name}: each row is an input and {what}."
