"""Which parts of a search results have: those that have ended, and those that were begun, as two facts say it."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

SHARD = "shard"  # the fact that names the parts that have ended, as K/N; it is absent where they are all of a search
UNFINISHED = "unfinished"  # the fact that names the parts that were begun and have not ended; 1/1 is a whole search
MOST_NAMED = 10

Part = tuple[int, int]  # counted from 1, and of how many
WHOLE: Part = (1, 1)


@dataclass(frozen=True)
class Parts:
    """The parts of a search whose rows are there: those that have ended, and those begun, of which some rows lack."""

    ended: frozenset[Part] = frozenset()
    begun: frozenset[Part] = frozenset()

    @classmethod
    def of(cls, facts: Mapping) -> "Parts":
        """Return the parts that facts name; a file that names none is a whole search."""
        if SHARD not in facts and UNFINISHED not in facts:
            return cls(frozenset([WHOLE]))
        return cls(_named(facts.get(SHARD)), _named(facts.get(UNFINISHED)))

    def __or__(self, other: "Parts") -> "Parts":
        return Parts(self.ended | other.ended, self.begun | other.begun)

    @property
    def are_all(self) -> bool:
        """Whether they are all of a search, in however many parts it was made; nothing then lacks."""
        return any(count == parts for parts, count in Counter(parts for _, parts in self.ended).items())

    @property
    def open(self) -> list[Part]:
        """Those that have not ended, though nothing else has their rows."""
        return [] if self.are_all else sorted(self.begun - self.ended)

    @property
    def missing(self) -> str:
        """Which shards have not ended of those that there are, such as `2 and 5 of 16`; "" if all have."""
        if self.are_all:
            return ""
        texts = []
        for parts in sorted({parts for _, parts in self.ended | self.begun} - {1}):
            there = {part for part, of in self.ended if of == parts}
            more = parts - len(there)
            named = [*islice((str(part) for part in range(1, parts + 1) if part not in there), MOST_NAMED)]
            named += [f"{more - MOST_NAMED} more"] if more > MOST_NAMED else []
            texts.append(f"{' and '.join(filter(None, (', '.join(named[:-1]), named[-1])))} of {parts}")
        return ", ".join(texts)

    def said_in(self, facts: Mapping) -> dict:
        """Return facts that name these parts, in place of what they named."""
        named = {} if self.are_all else {SHARD: _text(self.ended), UNFINISHED: _text(self.open)}
        others = {name: value for name, value in facts.items() if name not in (SHARD, UNFINISHED)}
        return others | {name: text for name, text in named.items() if text}


def part_text(part: Part) -> str:
    """Return a part as facts name it."""
    return "{}/{}".format(*part)


def _named(texts: object) -> frozenset[Part]:
    """Return the parts that a fact names; what names none is passed over."""
    found = set()
    for text in texts if isinstance(texts, list) else [texts]:
        if isinstance(text, str) and (match := re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)):
            part, parts = map(int, match.groups())
            if 1 <= part <= parts:
                found.add((part, parts))
    return frozenset(found)


def _text(parts: Iterable[Part]) -> str | list[str]:
    texts = [part_text(part) for part in sorted(parts, key=lambda part: part[::-1])]
    return texts[0] if len(texts) == 1 else texts
