"""Strategies that ask for one fixed list: all that the budget allows, a random sample of it, or what the user names."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from ganc.base.errors import FileFormatError, SelectionError, SpecError
from ganc.base.reading import LARGEST_LIST, named, read_text
from ganc.base.rng import keyed_generator
from ganc.models.family import Family, Widths
from ganc.models.space import SearchSpace, Subnets
from ganc.models.spec import parse_widths
from ganc.results.table import SearchRow
from ganc_search.strategies.allowed import TRIES, Allowed

_EXPECTED = "one width string a line"

# A shard has so many runs of neighbours at most.
RUNS = 8


class Listed:
    """Asks for all of a list at once; a Strategy."""

    def __init__(self, candidates: Sequence[Widths]):
        self._left, self.total = candidates, len(candidates)

    def ask(self) -> Sequence[Widths]:
        return self._left

    def tell(self, rows: Iterable[SearchRow]) -> None:
        self._left = ()


def exhaustive(allowed: Allowed) -> Subnets:
    """Return all sub-networks within the budget, the largest first, neighbours sharing their leading widths.

    Raises:
        SelectionError: there are too many (see `ganc.models.listing`), or too many to time each of them.
    """
    if allowed.listed is None:
        within = f" within {allowed.budget.text}" if allowed.budget.text else ""
        raise SelectionError(
            f"{allowed.space.text} has too many sub-networks{within} to evaluate each; "
            "lower --max-macs, or search at random or by evolution"
        )
    if allowed.budget.max_latency is None:
        return allowed.listed
    return allowed.fast_ones(allowed.listed)


def sample(allowed: Allowed, count: int, seed: int) -> list[Widths]:
    """Return `count` different random sub-networks within the budget, the largest first; fewer where there are fewer.

    Of a space too large to list a tight budget may yield fewer than there are.
    """
    if allowed.listed is not None:
        order = keyed_generator(seed, "search/sample").permutation(len(allowed.listed))
        candidates = Subnets(allowed.space, allowed.listed.places[order])
        return sorted(islice(filter(allowed.fast_enough, candidates), count), reverse=True)
    found: dict[Widths, None] = {}
    for draw in range(TRIES * count):
        widths = allowed.draw(keyed_generator(seed, "search/sample", draw))
        if widths:
            found[widths] = None
        if len(found) == count:
            break
    return sorted(found or {allowed.space.smallest: None}, reverse=True)


def read_configs(configs: Path, space: SearchSpace, family: Family) -> list[Widths]:
    """Return the sub-networks of a space that a file names, each once, the largest first.

    The file, or standard input for `-`, has one width string a line. Empty lines and what follows a # are passed over.

    Raises:
        FileFormatError: it cannot be read, is larger than LARGEST_LIST or names none, or a line, whose number is said,
            is none of the space.
    """
    found, name = set(), named(configs)
    text = read_text(configs, _EXPECTED, limit=LARGEST_LIST, pipe=True)
    for number, line in enumerate(text.splitlines(), 1):
        if config := line.partition("#")[0].strip():
            try:
                widths = parse_widths(config, family)
                space.require(widths)
            except SpecError as error:
                raise FileFormatError(f"{name}: line {number}: {error}") from error
            found.add(widths)
    if not found:
        raise FileFormatError(f"{name}: names no sub-network; expected {_EXPECTED}, such as 32_24_16_…")
    return sorted(found, reverse=True)


def shard(candidates: Sequence[Widths], part: int, parts: int) -> Sequence[Widths]:
    """Return part `part` (from 1) of `parts`; parts differ by one sub-network at most.

    Runs of neighbours, which share their leading widths, are dealt out back and forth, so that each part has large and
    small ones. What is left over at the end is dealt out singly.
    """
    turns = max(1, min(RUNS, len(candidates) // parts))
    length = len(candidates) // (parts * turns)
    runs = [turn * parts + (part - 1 if turn % 2 == 0 else parts - part) for turn in range(turns)]
    mine = [np.arange(run * length, (run + 1) * length) for run in runs]
    places = np.concatenate([*mine, np.arange(parts * turns * length + part - 1, len(candidates), parts)])
    if isinstance(candidates, Subnets):  # of millions, no one is made before it is reached
        return Subnets(candidates.space, candidates.places[places])
    return [candidates[place] for place in places.tolist()]
