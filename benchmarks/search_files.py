"""The parts of benchmarks/search.py that need no network: bookkeeping with a stub for the metric, and a large file."""

import itertools
import tempfile
import time
from pathlib import Path

import numpy as np

from ganc.metrics import Measurement
from ganc.models.space import NAMED_SPACES
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results, write_results
from ganc.results.journal import ResultsWriter
from ganc.results.search_results import SearchIdentity, SearchResults, merge_results
from ganc.results.selection import select
from ganc.results.table import RowTable
from ganc.system.processes import Processes
from ganc_search.evaluate.processes import Team
from ganc_search.evaluate.rounds import Rounds
from ganc_search.settings import Budget
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import Listed, exhaustive

METRIC = "stub"


class Stub:
    """Measures nothing: a number made of the widths."""

    images, whole_batch = 120, 8
    metric = ranking = METRIC

    def fits(self, group):
        return True

    def measure(self, group, images):
        return [Measurement(60 + sum(widths) / 1000 + widths[0] / 7, None, None, images) for widths in group]


def bookkeeping() -> list[dict]:
    """Search channels-32 with the stub: whole; then in ten runs, each stopped and started again; then once more."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.h5"
        parts = Path(folder) / "parts.h5"
        rows = [_timed("6,561 sub-networks, in one run", lambda: _search(whole))]
        stops = (*range(700, 7000, 700), None)
        rows.append(_timed("the same in ten runs", lambda: [_search(parts, most) for most in stops]))
        rows.append(_timed("the same again, nothing left to do", lambda: _search(whole)))
        if read_results(whole).digest != read_results(parts).digest:
            raise SystemExit("the runs in parts ended otherwise")
        rows.append({"what": "all together", "s": sum(row["s"] for row in rows)})
        return rows


def large_file(count: int) -> list[dict]:
    """Write, open, select from and merge results of many rows."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("whole.h5", "one.h5", "two.h5", "merged.h5")]
        table = _large_table(count)
        results = SearchResults(_identity(), {}, table)
        halves = [SearchResults(_identity(), {}, table.take(np.arange(part, count, 2))) for part in (0, 1)]
        rows = [_timed(f"write {count:,} rows", lambda: write_results(names[0], results))]
        for name, half in zip(names[1:], halves, strict=False):
            write_results(name, half)
        rows.append(_timed("open the file", lambda: read_results(names[0])))
        opened = read_results(names[0])
        rows.append(_timed("select the best ten", lambda: select(opened, max_macs=2_700_000_000, top=10)))
        rows.append(_timed("select the Pareto front", lambda: select(opened, pareto=True)))
        rows.append(_timed("find one sub-network", lambda: opened.find(opened.rows.widths[count // 2])))
        merged = [read_results(name) for name in names[1:3]]
        rows.append(_timed("merge two halves", lambda: write_results(names[3], merge_results(merged))))
        if read_results(names[3]).digest != opened.digest:
            raise SystemExit("the merged file differs")
        return rows


def _search(path: Path, most: int | None = None) -> None:
    space = NAMED_SPACES["channels-32"]
    costs_of = SubnetCosts(GeneratorSpec(widths=space.largest), (256, 256))
    strategy = Listed(exhaustive(Allowed(space, Budget(), costs_of)))
    with ResultsWriter(path, _identity(), {}) as writer, Team(Processes(), Stub()) as team:
        for done, _ in enumerate(Rounds(team, writer, space, costs_of).run(strategy), 1):
            if done == most:
                break


def _identity() -> SearchIdentity:
    return SearchIdentity("supernet", {}, "channels-32", METRIC, "features", "statistics", "data", (256, 256))


def _large_table(count: int) -> RowTable:
    space = NAMED_SPACES["channels-64-pix2pix"]
    widths = np.array([*itertools.islice(space, 0, None, max(1, len(space) // count))][:count], np.int32)
    macs = (widths.astype(np.int64) ** 2).sum(axis=1) * 10**5
    metric = 60 + 1e11 / macs + np.random.default_rng(0).uniform(0, 5, len(widths))
    nothing = np.full(len(widths), np.nan)
    return RowTable(
        widths=widths,
        macs=macs,
        device_macs=macs // 2,
        params=macs // 10**4,
        images=np.full(len(widths), 120),
        metrics={METRIC: metric},
        errors={},
        latency_ms=nothing,
        latency_setup=np.full(len(widths), -1, np.int16),
        setups=(),
        seconds=nothing,
    )


def _timed(what: str, run) -> dict:
    start = time.perf_counter()
    run()
    return {"what": what, "s": time.perf_counter() - start}
