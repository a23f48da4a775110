"""The files and what each was made from, as their digests say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ganc.base.text import counted
from ganc.report.gather import Findings, FoundFile, stage_of
from ganc.report.html.text import byte_count, clean, count
from ganc.report.html.training import in_order
from ganc.report.html.views import flat, said
from ganc.report.run_log import Run

DIGITS = 16  # of a digest that are shown
MOST_SETTINGS = 120
COMMANDS = {
    **{stage: f"ganc-{stage}" for stage in ("replace", "distill", "supernet", "search", "finetune", "export")},
    "import": "ganc import",
    "statistics": "ganc stats",
}


@dataclass(frozen=True)
class Parent:
    """What a file was made from: `target` is its place in the page, empty where it is not in the folder."""

    role: str
    name: str
    digest: str
    target: str


@dataclass(frozen=True)
class Step:
    """A file in the order of making.

    Attributes:
        place: its address in the page.
        what: what it is, in words.
        sound: what its checksums say.
    """

    place: str
    name: str
    what: str
    digest: str
    size: str
    sound: str
    parents: Sequence[Parent]


def steps(files: Sequence[FoundFile]) -> list[Step]:
    """Return the files in the order in which they were made, what was made of nothing first."""
    ordered = _ordered(files)
    places: dict[str, tuple[str, str]] = {}
    for number, file in enumerate(ordered):
        places.setdefault(file.checked.digest, (f"file-{number}", file.name))
    return [
        Step(
            f"file-{number}",
            clean(file.name),
            _what(file),
            file.checked.digest[:DIGITS],
            byte_count(file.bytes),
            _sound(file),
            [
                Parent(
                    clean(role, 40),
                    clean(places[digest][1]) if digest in places else "",
                    clean(digest, DIGITS + 1).removesuffix("…"),
                    places[digest][0] if digest in places else "",
                )
                for role, digest in _made_from(file).items()
            ],
        )
        for number, file in enumerate(ordered)
    ]


def _made_from(file: FoundFile) -> dict[str, str]:
    return {**file.checked.sources, **file.checked.further}


def unknown_parents(listed: Sequence[Step]) -> list[tuple[str, str]]:
    """Return what the files were made from that is not in the folder: its digest, and as what of which file."""
    unknown: dict[str, list[str]] = {}
    for step in listed:
        for parent in step.parents:
            if not parent.target:
                unknown.setdefault(parent.digest, []).append(f"{parent.role} of {step.name}")
    return [(digest, ", ".join(roles)) for digest, roles in unknown.items()]


def _ordered(files: Sequence[FoundFile]) -> list[FoundFile]:
    depth: dict[str, int] = {}
    sources = {file.checked.digest: [*_made_from(file).values()] for file in files}

    def deep(digest: str, below: frozenset[str]) -> int:
        if digest not in sources or digest in below:
            return -1
        if digest not in depth:
            depth[digest] = 1 + max((deep(one, below | {digest}) for one in sources[digest]), default=-1)
        return depth[digest]

    return sorted(files, key=lambda file: (deep(file.checked.digest, frozenset()), file.name))


def _what(file: FoundFile) -> str:
    stage, facts = stage_of(file), file.facts
    if stage == "other":
        return clean(file.checked.kind)
    by = f"of {COMMANDS[stage]}" if stage in COMMANDS else f"of stage {clean(stage, 40)}"
    if stage == "search":
        return f"{counted(facts['subnets'], 'sub-network')} {by}"
    if stage == "statistics":
        images = facts.get("images")
        return f"statistics {by}" + (f", {counted(images, 'image')}" if isinstance(images, int) else "")
    if "networks" in facts:
        network = facts["networks"]["generator"]
        size = said(list(network["image_size"]))
        what = f"{network['block']} {network['widths']}, {count(network['macs'])} MACs at {size}, "
        return f"{what}{count(network['params'])} parameters, {by}"
    forms = ", ".join(f"{form['format']} {form['precision']}" for form in facts.get("forms", []))
    return f"exported folder {by}{': ' if forms else ''}{forms}"


def _sound(file: FoundFile) -> str:
    if stage_of(file) == "other":
        return ""
    return "its checksum is right" if file.checked.proven else "reads well, has no checksum"


@dataclass(frozen=True)
class Settings:
    """What a stage was called with, as leaves of its settings with dotted names."""

    title: str
    rows: Sequence[tuple[str, str]]
    left_out: int


def settings(found: Findings) -> list[Settings]:
    """Return the settings of each run, and the facts of each search."""
    listed = [(_run_title(run), run.settings) for run in in_order(found.runs) if run.settings]
    for name, results in found.searches.items():
        identity = results.identity
        facts: Mapping = {
            "space": identity.space,
            "feature_set": identity.feature_set,
            "image_size": list(identity.image_size),
            **results.facts,
        }
        listed.append((f"search ({clean(name)})", facts))
    shown = []
    for title, values in listed:
        rows = flat(values)
        shown.append(Settings(title, rows[:MOST_SETTINGS], max(0, len(rows) - MOST_SETTINGS)))
    return shown


def _run_title(run: Run) -> str:
    return f"{clean(run.stage, 40)} ({clean(run.path.name)})" if run.stage else clean(run.path.name)
