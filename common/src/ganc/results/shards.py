"""What tells that a search's results are not all: shards that are not there, and rows that are in a journal alone."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from ganc.base.errors import GancError
from ganc.results.journal import JOURNAL_SUFFIX, journal_path, read_journal
from ganc.results.search_results import SearchResults, shards_in
from ganc.results.table import SearchRow

MOST_NAMED = 10
_AGAIN = "run its search again, which folds them into the file"


def missing_shards(facts: Mapping) -> str:
    """Return which shards of those that facts name are not there, such as `2 and 5 of 16`; "" if all are."""
    texts = []
    for parts, there in sorted(shards_in(facts).items()):
        if more := parts - len(there):
            named = [*islice((str(part) for part in range(1, parts + 1) if part not in there), MOST_NAMED)]
            named += [f"{more - MOST_NAMED} more"] if more > MOST_NAMED else []
            texts.append(f"{' and '.join(filter(None, (', '.join(named[:-1]), named[-1])))} of {parts}")
    return ", ".join(texts)


def left_in_journals(read: Sequence[tuple[Path | str, SearchResults]], *, folders: bool = False) -> Iterator[str]:
    """Yield a line for each journal beside results that have not all of its rows, as a killed search leaves it.

    Args:
        read: the results and where they were read from.
        folders: also name journals of the same search in the same folders that have no results file yet.
    """
    seen = set()
    for source, results in read:
        if str(source) != "-" and (journal := _journal_of(Path(source))) and journal.resolve() not in seen:
            seen.add(journal.resolve())
            yield from _told(journal, results, f"that {source} lacks")
    places = dict.fromkeys(Path(source).parent for source, _ in read if str(source) != "-") if folders else ()
    for place in places:
        for journal in sorted(place.glob(f"*.h5{JOURNAL_SUFFIX}")):
            if journal.resolve() in seen or journal.with_name(journal.name.removesuffix(JOURNAL_SUFFIX)).exists():
                continue
            seen.add(journal.resolve())
            yield from _told(journal, read[0][1], f"and no {journal.name.removesuffix(JOURNAL_SUFFIX)} is there", True)


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


def _journal_of(path: Path) -> Path | None:
    """Return the journal of results, where there is one that is not empty."""
    try:
        beside, journal = path.with_name(path.name + JOURNAL_SUFFIX), journal_path(path)
        if not (journal.is_file() and journal.stat().st_size):
            return None
        return beside if beside.exists() else journal  # as the user names it, unless the file is a link
    except (GancError, OSError):  # a pipe has none
        return None
