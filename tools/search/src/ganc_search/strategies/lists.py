"""Strategies that ask for one fixed list: all that the budget allows, a random sample of it, or what the user names."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np

from ganc.base.errors import FileFormatError, RunError, SelectionError, SpecError
from ganc.base.reading import LARGEST_LIST, named, read_text
from ganc.base.rng import keyed_generator
from ganc.models.family import Family, Widths
from ganc.models.space import SearchSpace, Subnets
from ganc.models.spec import parse_widths
from ganc.results.parts import WHOLE, part_text
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


def exhaustive(allowed: Allowed, part: tuple[int, int] = WHOLE) -> Subnets:
    """Return all sub-networks within the budget, the largest first, neighbours sharing their leading widths.

    Args:
        part: only a part of what is within the costs; of that alone latencies are asked for.

    Raises:
        SelectionError: there are too many (see `ganc.models.listing`), or too many to time each of them.
        RunError: there are fewer than parts.
    """
    if allowed.listed is None:
        within = f" within {allowed.budget.text}" if allowed.budget.text else ""
        raise SelectionError(
            f"{allowed.space.text} has too many sub-networks{within} to evaluate each; "
            "lower --max-macs, or search at random or by evolution"
        )
    _require_enough(len(allowed.listed), part)
    return allowed.fast_ones(shard(allowed.listed, *part))


def sample(allowed: Allowed, count: int, seed: int, part: tuple[int, int] = WHOLE) -> list[Widths]:
    """Return `count` different random sub-networks within the budget, the largest first; fewer where there are fewer.

    Of a space too large to list a tight budget may yield fewer than there are.

    Args:
        part: only a part of the sample. Under a latency bound it is drawn from a part of all that is within the costs,
            so that parts whose machines are not equally fast have no sub-network in common.

    Raises:
        RunError: there are fewer than parts.
    """
    if part == WHOLE or allowed.budget.max_latency is None:
        found = _sample(allowed, count, seed)
        _require_enough(len(found), part)
        return [*shard(found, *part)]
    number, parts = part
    _require_enough(count if allowed.listed is None else min(count, len(allowed.listed)), part)
    own = islice(_in_random_order(allowed.untimed, seed, TRIES * count), number - 1, None, parts)
    share = count // parts + (number <= count % parts)
    return sorted(islice(filter(allowed.fast_enough, own), share), reverse=True)


def _sample(allowed: Allowed, count: int, seed: int) -> list[Widths]:
    candidates = filter(allowed.fast_enough, _in_random_order(allowed, seed, TRIES * count))
    found = sorted(islice(candidates, count), reverse=True)
    return found if found or allowed.listed is not None else [allowed.space.smallest]


def _in_random_order(allowed: Allowed, seed: int, draws: int) -> Iterator[Widths]:
    """Yield different sub-networks: all where they are listed, else what so many draws find."""
    if allowed.listed is not None:
        order = keyed_generator(seed, "search/sample").permutation(len(allowed.listed))
        yield from Subnets(allowed.space, allowed.listed.places[order])
        return
    known: set[Widths] = set()
    for draw in range(draws):
        widths = allowed.draw(keyed_generator(seed, "search/sample", draw))
        if widths and widths not in known:
            known.add(widths)
            yield widths


def named_ones(allowed: Allowed, named: Sequence[Widths], part: tuple[int, int] = WHOLE) -> tuple[list[Widths], int]:
    """Return those of a list that are within the budget, and how many were left out for it.

    Args:
        part: only a part of those within the costs; of that alone latencies are asked for.

    Raises:
        RunError: there are fewer than parts.
    """
    untimed = allowed.untimed
    within = [widths for widths in named if widths in untimed]
    _require_enough(len(within), part)
    own = shard(within, *part)
    found = [widths for widths, fast in zip(own, allowed.are_fast(own), strict=True) if fast]
    return found, len(named) - len(within) + len(own) - len(found)


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


@overload
def shard(candidates: Subnets, part: int, parts: int) -> Subnets: ...


@overload
def shard(candidates: Sequence[Widths], part: int, parts: int) -> Sequence[Widths]: ...


def shard(candidates: Sequence[Widths], part: int, parts: int) -> Sequence[Widths]:
    """Return part `part` (from 1) of `parts`; parts differ by one sub-network at most.

    Runs of neighbours, which share their leading widths, are dealt out back and forth, so that each part has large and
    small ones. What is left over at the end is dealt out singly.
    """
    if parts == 1:
        return candidates
    turns = max(1, min(RUNS, len(candidates) // parts))
    length = len(candidates) // (parts * turns)
    runs = [turn * parts + (part - 1 if turn % 2 == 0 else parts - part) for turn in range(turns)]
    mine = [np.arange(run * length, (run + 1) * length) for run in runs]
    places = np.concatenate([*mine, np.arange(parts * turns * length + part - 1, len(candidates), parts)])
    if isinstance(candidates, Subnets):  # of millions, no one is made before it is reached
        return Subnets(candidates.space, candidates.places[places])
    return [candidates[place] for place in places.tolist()]


def _require_enough(count: int, part: tuple[int, int]) -> None:
    """Raise RunError where so many sub-networks, if there are any, leave the part empty."""
    if 0 < count < part[0]:
        raise RunError(f"--shard {part_text(part)}: only {count} sub-networks, use fewer shards")
