"""A search's results in memory: what identifies the search, what is recorded about it, and its rows."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from operator import or_

import numpy as np

from ganc.base.differences import differences
from ganc.base.errors import FileFormatError, SelectionError, SpecError
from ganc.base.ranking_metric import is_whole, kernel_metric, ranking_metric
from ganc.results.objective import Objective, objective_of
from ganc.results.parts import Parts
from ganc.results.table import COST_COLUMNS, RowTable, SearchRow, canonical, joined

_FIXED_COLUMNS = {*COST_COLUMNS, "widths", "images", "latency_ms", "latency_setup", "seconds"}


@dataclass(frozen=True)
class SearchIdentity:
    """What two searches must have in common for their numbers to be comparable.

    Attributes:
        supernet_digest: content digest of the supernet's checkpoint.
        generator_spec: the supernet's generator as a JSON object.
        space: name of the search space, or its lists (`32,24/32,16/…`).
        feature_set, feature_digest: what the metric is computed on.
        statistics_digest: content digest of the target's statistics.
        data_fingerprint: of the images that are translated.
        image_size: (width, height) in pixels.
    """

    supernet_digest: str
    generator_spec: Mapping
    space: str
    feature_set: str
    feature_digest: str
    statistics_digest: str
    data_fingerprint: str
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        # Through JSON once, so that a spec with tuples equals the same spec read from a file.
        object.__setattr__(self, "generator_spec", json.loads(json.dumps(self.generator_spec, sort_keys=True)))
        object.__setattr__(self, "image_size", tuple(int(side) for side in self.image_size))

    def to_json(self) -> dict:
        """Return the identity as a JSON object."""
        return {**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, "image_size": [*self.image_size]}

    @classmethod
    def from_json(cls, values: object, source: str) -> "SearchIdentity":
        """Return the identity that `to_json` wrote. Raises FileFormatError, naming `source`, for anything else."""
        names = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not names <= values.keys():
            missing = sorted(names - set(values if isinstance(values, dict) else ()))
            raise FileFormatError(f"{source}: lacks {', '.join(missing)}; it is no file of ganc-search or is damaged")
        size, spec = values["image_size"], values["generator_spec"]
        texts = [values[name] for name in names - {"image_size", "generator_spec"}]
        sizes_fit = isinstance(size, list | tuple) and len(size) == 2 and all(isinstance(side, int) for side in size)
        if not (sizes_fit and isinstance(spec, dict) and all(isinstance(text, str) for text in texts)):
            raise FileFormatError(f"{source}: its search identity is damaged; run the search again")
        return cls(**{name: values[name] for name in names})

    def differences(self, other: "SearchIdentity") -> str:
        """Return what differs with both values, "" if nothing does."""
        return "; ".join(differences(self.to_json(), other.to_json(), "{name} is {one} and {other}"))


@dataclass(frozen=True, eq=False)
class SearchResults:
    """The rows of one search, each sub-network once, widths in falling lexicographic order.

    Attributes:
        identity: what the numbers belong to.
        facts: recorded but not identity: strategy, seed, whether the search images are the test images, …
        rows: given in any order, as a RowTable or as rows that one can be made of.
        source: where the results were read from, for messages.
        proven: whether checksums in that file say that its content is what was written.

    Raises:
        FileFormatError: rows of one sub-network contradict each other.
        SpecError: rows differ in their number of segments, or a metric's name cannot name a column.
    """

    identity: SearchIdentity
    facts: Mapping
    rows: RowTable
    source: str = field(default="the search")
    proven: bool = False

    def __post_init__(self) -> None:
        rows = self.rows if isinstance(self.rows, RowTable) else RowTable.of(self.rows)
        for name in {*rows.metrics, *rows.errors}:
            if not re.fullmatch(r"[A-Za-z0-9][\w.+-]*", name) or name in _FIXED_COLUMNS or name.endswith("_error"):
                raise SpecError(f"metric name (={name!r}) cannot name a column: use letters, digits, '.', '_' and '-'")
        object.__setattr__(self, "rows", canonical(rows))
        object.__setattr__(self, "facts", json.loads(json.dumps(dict(self.facts), sort_keys=True)))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SearchRow]:
        return iter(self.rows)

    @property
    def measured(self) -> int:
        """How many sub-networks were measured; of the others there are predictions alone."""
        return int(self.rows.measured.sum())

    @property
    def metric_name(self) -> str:
        """The Fréchet distance: the metric named like the feature set, else the first column that was measured.

        Values of a race's earlier steps, which may be of other features, never stand for it.
        """
        names = [name for name in self.rows.metrics if is_whole(name)]
        return self.identity.feature_set if self.identity.feature_set in names or not names else names[0]

    @cached_property
    def ranking_name(self) -> str:
        """The metric that orders the rows: the kernel distance where images are few and every row that was measured
        has it, as those of an older ganc have not; else `metric_name`."""
        measured = ~np.isnan(self.metric)
        kernel = self.rows.metrics.get(kernel_metric(self.metric_name))
        has_kernel = kernel is not None and bool(measured.any()) and not np.isnan(kernel[measured]).any()
        return ranking_metric(self.metric_name, int(self.rows.images.max(initial=0)), has_kernel)

    @property
    def ranking(self) -> np.ndarray:
        """(N,) values of `ranking_name`, NaN where not evaluated."""
        return self.rows.metrics.get(self.ranking_name, np.full(len(self), np.nan))

    @property
    def objective(self) -> Objective:
        """What the search lowered; its cost is what a front is drawn against."""
        return objective_of(self.facts.get("objective"))

    @property
    def metric(self) -> np.ndarray:
        """(N,) values of `metric_name`, NaN where not evaluated."""
        return self.rows.metrics.get(self.metric_name, np.full(len(self), np.nan))

    def find(self, widths: Iterable[int]) -> SearchRow | None:
        """Return the row of these widths, None if there is none."""
        key = np.array([*widths], ">u4")
        if not len(self) or len(key) != self.rows.widths.shape[1]:
            return None
        rising = self._rising_keys
        place = int(np.searchsorted(rising, np.array(key.tobytes(), rising.dtype)))
        index = len(self) - 1 - place
        return self.rows[index] if index >= 0 and (self.rows.widths[index] == key).all() else None

    @cached_property
    def _rising_keys(self) -> np.ndarray:
        # Big-endian bytes sort as the widths do, so that a binary search finds a row among a million.
        widths = np.ascontiguousarray(self.rows.widths[::-1], ">u4")
        return widths.view(f"S{4 * widths.shape[1]}").ravel()

    @cached_property
    def digest(self) -> str:
        """Digest of identity and rows; times (latency, seconds) and facts do not count."""
        content = hashlib.sha256(json.dumps(self.identity.to_json(), sort_keys=True).encode())
        columns = {name: getattr(self.rows, name) for name in ("widths", *COST_COLUMNS, "images")}
        columns |= {f"metric {name}": column for name, column in self.rows.metrics.items()}
        columns |= {f"error {name}": column for name, column in self.rows.errors.items()}
        for name in sorted(columns):
            column = columns[name]
            if column.dtype.kind == "f" and np.isnan(column).all():
                continue
            column = np.where(np.isnan(column), np.nan, column) if column.dtype.kind == "f" else column
            content.update(f"{name} {column.shape}".encode())
            content.update(np.ascontiguousarray(column, column.dtype.newbyteorder("<")).tobytes())
        return content.hexdigest()


def merge_results(parts: Sequence[SearchResults]) -> SearchResults:
    """Return the rows of all parts in one; a fact on which the parts differ becomes the list of its values.

    A sub-network in several parts becomes one row: the one on most images. Where a part is a whole search, or all
    shards are there, the facts name none.

    Raises:
        FileFormatError: the parts belong to different searches, or contradict each other on a sub-network.
        SelectionError: no part has a row.
    """
    if not parts:
        raise FileFormatError("nothing to merge: name at least one file of search results")
    for part in parts[1:]:
        if differences := parts[0].identity.differences(part.identity):
            raise FileFormatError(
                f"{part.source}: is of another search than {parts[0].source}: {_swapped(differences, parts[0], part)}"
            )
    facts = {name: _joined_fact([part.facts for part in parts], name) for part in parts for name in part.facts}
    if not any(map(len, parts)):
        raise SelectionError(
            f"nothing to merge: no row is in {parts[0].source}"
            + (f" and {len(parts) - 1} more" if len(parts) > 1 else "")
            + "; no sub-network was within the bounds of these searches, raise them and search again"
        )
    there = reduce(or_, [Parts.of(part.facts) for part in parts])
    return SearchResults(parts[0].identity, there.said_in(facts), joined([part.rows for part in parts]))


def _swapped(differences: str, first: SearchResults, other: SearchResults) -> str:
    return f"{differences} (in {first.source} and {other.source}); merge only shards of one search"


def _joined_fact(facts: Sequence[Mapping], name: str) -> object:
    """Return what all facts say that have one of this name, or the list of what they say."""
    values = [fact[name] for fact in facts if name in fact]
    if all(value == values[0] for value in values):
        return values[0]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return json.loads("[" + ", ".join(sorted({json.dumps(item, sort_keys=True) for item in flat})) + "]")
