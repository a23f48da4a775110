"""What a report cannot show, by name: stages not done, damaged files, numbers that nobody measured."""

from collections.abc import Sequence

from ganc.report.gather import Findings, Gap, stage_of
from ganc.report.html.generators import MOST_COMPARED, MOST_TABLES
from ganc.report.html.lineage import Step, unknown_parents
from ganc.report.html.search import MOST_SEARCHES
from ganc.report.html.training import MOST_RUNS, progress
from ganc.report.json_results import ComparedRow

# What a whole pipeline has behind its teacher, and what makes it.
STAGES = {
    "distill": "the student",
    "supernet": "the supernet",
    "search": "search results",
    "finetune": "the chosen sub-network",
    "export": "the exported folder",
}
MOST_GAPS = 60
MOST_UNKNOWN = 6


def gaps(found: Findings, rows: Sequence[ComparedRow], source: str, listed: Sequence[Step]) -> list[Gap]:
    """Return everything that is missing; nothing is left out silently."""
    missing = list(found.gaps)
    missing += [Gap(run.path.name, progress(run)) for run in found.runs if not run.finished]
    there = found.stages()
    if not there & {"replace", "import"}:
        missing.append(Gap("the teacher", "no checkpoint of ganc-replace or ganc import is here"))
    wanted = {stage: what for stage, what in STAGES.items() if stage != "distill" or not _is_short(found)}
    missing += [Gap(what, f"ganc-{stage} has not made it here") for stage, what in wanted.items() if stage not in there]
    if not source:
        missing.append(
            Gap("generators measured on the same images", "ganc evaluate … --untouched --time --json > report.json")
        )
    elif not any(row.milliseconds is not None for row in rows):
        missing.append(Gap(f"milliseconds an image in {source}", "ganc evaluate has them with --time"))
    missing += [Gap(row.name, row.reason) for row in rows if row.reason]
    if not found.timed:
        missing.append(Gap("times on several engines", "ganc bench … --json > bench.json"))
    if not found.strips:
        missing.append(Gap("a strip of test images", "the workflow's last step writes strip.jpg"))
    missing += _beyond(found)
    unknown = unknown_parents(listed)
    missing += [Gap(f"{digest} ({of})", "is not in the folder") for digest, of in unknown[:MOST_UNKNOWN]]
    if len(unknown) > MOST_UNKNOWN:
        missing.append(Gap(f"{len(unknown) - MOST_UNKNOWN} further files", "that others were made from are not here"))
    if len(missing) > MOST_GAPS:
        missing[MOST_GAPS:] = [Gap(f"{len(missing) - MOST_GAPS} further gaps", "are not listed")]
    return missing


def _is_short(found: Findings) -> bool:
    """Whether the pipeline has no student: its supernet was made of the teacher."""
    supernets = [file.checked.sources for file in found.files if stage_of(file) == "supernet"]
    return bool(supernets) and not any("student" in sources for sources in supernets)


def _beyond(found: Findings) -> list[Gap]:
    """Return what is there and not shown, because there is too much of it."""
    kinds = (
        (len(found.runs), MOST_RUNS, "runs", "have no chart"),
        (len(found.searches), MOST_SEARCHES, "searches", "have no chart"),
        (len(found.compared), MOST_TABLES, "comparisons", "have no table"),
        (max(map(len, found.compared.values()), default=0), MOST_COMPARED, "compared generators", "are not shown"),
    )
    return [
        Gap(f"{there - most} of {there} {what}", f"{how}: too many") for there, most, what, how in kinds if there > most
    ]
