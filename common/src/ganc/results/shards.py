"""What tells that a search's results are not all: rows in a journal alone, searches not ended, shards not there."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from ganc.base.errors import GancError
from ganc.results.journal import JOURNAL_SUFFIX, journal_path, read_journal
from ganc.results.parts import WHOLE, Part, Parts, part_text
from ganc.results.search_results import SearchResults
from ganc.results.table import SearchRow

_AGAIN = "run its search again, which folds them into the file"

Read = tuple[Path | str, SearchResults]  # where results were read from, - for a pipe, and they


def as_warning(text: str) -> None:
    """Give a warning as Python's libraries do, of the line that called the function that calls this."""
    warnings.warn(text, stacklevel=3)


def lacking(source: Path | str, results: SearchResults) -> Iterator[str]:
    """Yield a line for each thing that a file of results lacks: rows in its journal, the rest of a search, shards.

    Args:
        source: where they were read from; "-" is standard input.
    """
    yield from _lacking([(source, results)], Parts.of(results.facts))
    if missing := Parts.of(results.facts).missing:
        yield f"{results.source}: shards are missing: {missing}; run these and merge all"


def lacking_of_merged(read: Sequence[Read], merged: SearchResults) -> Iterator[str]:
    """Yield a line for each thing that files lack which were merged, but for what others of them have.

    Journals of the same search in the same folders that have no results file yet are named too.
    """
    there = Parts.of(merged.facts)
    yield from _lacking(read, there)
    known = {journal.resolve() for source, _ in read if (journal := _journal_of(source))}
    for place in dict.fromkeys(Path(source).parent for source, _ in read if str(source) != "-"):
        for journal in sorted(place.glob(f"*.h5{JOURNAL_SUFFIX}")):
            file = journal.with_name(journal.name.removesuffix(JOURNAL_SUFFIX))
            if journal.resolve() not in known and not file.exists():
                known.add(journal.resolve())
                yield from _told(journal, merged, f"and no {file.name} is there", True)
    if there.missing:
        yield f"shards are missing: {there.missing}; run these and merge again"


def _lacking(read: Sequence[Read], there: Parts) -> Iterator[str]:
    """Yield a line for each file whose journal has further rows, or whose search has not ended and is not `there`."""
    seen = set()
    for source, results in read:
        journal = _journal_of(source)
        if journal and journal.resolve() not in seen:
            seen.add(journal.resolve())
            said = [*_told(journal, results, f"that {source} lacks")]
            yield from said
            if said:  # how to go on is said
                continue
        if left := sorted({*Parts.of(results.facts).open} & {*there.open}):
            yield f"{results.source}: {_named(left)} not ended, but runs or was interrupted; run it again to go on"


def _named(parts: Sequence[Part]) -> str:
    if WHOLE in parts:
        return "its search has"
    texts = ", ".join(map(part_text, parts))
    return f"shard {texts} has" if len(parts) == 1 else f"shards {texts} have"


def _told(journal: Path, results: SearchResults, words: str, alone: bool = False) -> Iterator[str]:
    try:
        kept = read_journal(journal)
    except GancError as error:
        if not alone:  # else nothing says of which search it is
            yield f"{error}; rows in it are left out"
        return
    if kept.identity.differences(results.identity):
        return
    if count := sum(alone or _is_news(row, results.find(row.widths)) for row in kept):
        rows = f"{count} row{'s' if count > 1 else ''}"
        yield f"{journal}: has {rows} {words}, as of a search that runs or was ended; {_AGAIN}"


def _is_news(row: SearchRow, known: SearchRow | None) -> bool:
    if known is None or known.images < row.images:
        return True
    return row.latency_ms is not None and row.latency_ms != known.latency_ms


def _journal_of(source: Path | str) -> Path | None:
    """Return the journal of results, where there is one that is not empty."""
    if str(source) == "-":
        return None
    path = Path(source)
    try:
        beside, journal = path.with_name(path.name + JOURNAL_SUFFIX), journal_path(path)
        if not (journal.is_file() and journal.stat().st_size):
            return None
        return beside if beside.exists() else journal  # as the user names it, unless the file is a link
    except (GancError, OSError):  # a pipe has none
        return None
