"""How long sub-networks take on the engine that they will be deployed on: each timed, or summed up from its stages.

What was measured is kept in a file beside the results, so that a search that goes on decides as it did before.
"""

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ganc.base.atomic import replacing, write_error
from ganc.base.engine_table import fastest_engine, graph_engines
from ganc.base.errors import FileFormatError, RunError
from ganc.base.rng import keyed_generator
from ganc.engines.adapter import CompiledGraph
from ganc.engines.compile import compile_graph
from ganc.models.convolutions import NetworkState, Reduction
from ganc.models.layers import convolutions
from ganc.models.space import SearchSpace
from ganc.models.spec import Widths, format_widths
from ganc.system.runtime import engine_threads
from ganc_search.search import Latency
from ganc_search.strategies.candidates import LatencyOf

MEASURED, TABLE = "measured", "table"
FORMAT, VERSION = "ganc-latency", 1
# Sub-networks timed whole, besides the largest and the smallest, to correct the sums of a table.
CORRECTING = 22
# How far a factor may leave the common one for a better fit: weak enough for a real difference, and what keeps it
# near the others where the sub-networks do not tell it.
RIDGE = 1e-4


class Notebook:
    """Named numbers in a file of JSON lines, to which each new one is appended; a last line cut off is dropped.

    Args:
        path: the file; None keeps the numbers in memory alone.
        header: what the numbers belong to.
        restart: throw away what stands there.

    Raises:
        RunError: the file belongs to something else.
        FileFormatError: it is no such file.
        WriteError: it cannot be written.
    """

    def __init__(self, path: Path | None, header: dict, *, restart: bool = False):
        self.path, self._values = path, {}
        if path is None:
            return
        header = {"format": FORMAT, "version": VERSION, **header}
        lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() and not restart else []
        if lines:
            self._check(_object(lines[0]), header)
            for line in lines[1:]:
                self._values.update(_object(line) or {})
        self._rewrite(header)

    def number(self, name: str, measure: Callable[[], float]) -> float:
        """Return the number of this name, measured and kept if it is not known."""
        if name not in self._values:
            self.keep({name: measure()})
        return self._values[name]

    def known(self, names: Sequence[str]) -> bool:
        """Whether all these numbers are there."""
        return all(name in self._values for name in names)

    def keep(self, values: dict[str, float]) -> None:
        """Keep some numbers."""
        self._values.update(values)
        if self.path is not None:
            self._append(values)

    def _rewrite(self, header: dict) -> None:
        with replacing(self.path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in (header, self._values) if line))

    def _append(self, values: dict[str, float]) -> None:
        try:
            with self.path.open("a") as file:
                file.write(json.dumps(values) + "\n")
        except OSError as error:
            raise write_error(self.path, error) from error

    def _check(self, found: dict | None, wanted: dict) -> None:
        if not found or found.get("format") != FORMAT or found.get("version") != VERSION:
            raise FileFormatError(f"{self.path}: holds no latencies of ganc-search; move it away, or use --restart")
        different = [f"{key} {found.get(key)} and {wanted[key]}" for key in wanted if found.get(key) != wanted[key]]
        if different:
            raise RunError(
                f"{self.path}: latencies of something else: {'; '.join(different)} (there and now); "
                "write to another file, or use --restart"
            )


class LatencyModel:
    """Milliseconds a picture of a supernet's sub-networks, through one engine, at batch 1.

    Args:
        state: the supernet's generator.
        space: the sub-networks in question.
        image_size: (width, height).
        kind: MEASURED compiles and times each sub-network; TABLE times each different stage once, and sums.
        notebook: where numbers are kept.
        engine, precision: as for `ganc.engines.compile.compile_graph`.
        turns, repeats: how often a network has its turn, and how many runs of one count; the median does.

    Raises:
        MissingDependencyError: the engine is not installed.
    """

    def __init__(
        self,
        state: NetworkState,
        space: SearchSpace,
        image_size: tuple[int, int],
        kind: str,
        notebook: Notebook,
        engine: str,
        precision: str = "f32",
        *,
        turns: int = 5,
        repeats: int = 3,
    ):
        self._state, self._space, self._size, self._notebook = state, space, image_size, notebook
        self._engine, self._precision = engine, precision
        self._turns, self._repeats = turns, repeats
        self._names: dict[tuple[int, ...], str] = {}
        self.of: LatencyOf = self.measured if kind == MEASURED else self.predicted

    def measured(self, widths: Widths) -> float:
        """Return the median time of the whole generator of these widths, each timed once and then remembered."""
        return self._notebook.number(f"subnet {format_widths(widths)}", lambda: self._timed([self._whole(widths)])[0])

    def predicted(self, widths: Widths) -> float:
        """Return the corrected sum of the stages' times.

        A whole graph saves what stages in a row spend on handing over, and finds its data in the cache, more in the
        blocks than elsewhere; the correction is fitted to some sub-networks that are timed whole.
        """
        self.build_table()
        correction = [self._notebook.number(name, _absent) for name in self._correction]
        return float(np.dot(correction, [*self._sums(widths), 1.0]))

    def build_table(self) -> None:
        """Time every stage of the space and fit the correction, unless that is done."""
        if self._notebook.known(self._correction):
            return
        names = {}
        for widths in self._covering():
            for stage in range(len(widths)):
                names.setdefault(self._name(stage, widths), (stage, widths))
        missing = {name: place for name, place in names.items() if not self._notebook.known([name])}
        for name, milliseconds in zip(missing, self._timed_stages([*missing.values()]), strict=True):
            self._notebook.keep({name: milliseconds})
        few = self._correcting()
        whole = self._timed([self._whole(widths) for widths in few])
        correction = fitted_correction([self._sums(widths) for widths in few], whole)
        self._notebook.keep(dict(zip(self._correction, correction, strict=True)))

    @property
    def _correction(self) -> tuple[str, ...]:
        """Names in the notebook: a factor of each group of segments, and an offset."""
        return (*(f"correction {group}" for group in self._state.spec.shape.groups), "correction offset")

    def _sums(self, widths: Widths) -> list[float]:
        """Return the sums of the segments' times in each group of the family."""
        times = [self._notebook.number(self._name(stage, widths), _absent) for stage in range(len(widths))]
        return [sum(times[stage] for stage in group) for group in self._state.spec.shape.groups.values()]

    def _name(self, stage: int, widths: Widths) -> str:
        """Return the name of a stage's number: two sub-networks of equal convolutions there share it."""
        key = (stage, widths[self._state.spec.shape.input_segment(stage)], widths[stage])
        if key not in self._names:
            plans = convolutions(self._state.spec.narrowed(widths).segments[stage])
            outs = "-".join(str(plan.out_channels) for plan in plans)
            self._names[key] = f"stage {stage} {outs} of {plans[0].in_channels}"
        return self._names[key]

    def _covering(self) -> list[Widths]:
        """Return sub-networks that have every pair of widths of two stages, and so every different stage."""
        found = {}
        smallest = self._space.smallest
        for first, second in ((a, b) for b in range(len(smallest)) for a in range(b)):
            for one in self._space.choices[first]:
                for other in self._space.choices[second]:
                    widths = list(smallest)
                    widths[first], widths[second] = one, other
                    found[tuple(widths)] = None
        return [*found]

    def _correcting(self) -> list[Widths]:
        drawn = [self._space.draw(keyed_generator(0, "search/latency", index)) for index in range(CORRECTING)]
        return [*dict.fromkeys([self._space.largest, self._space.smallest, *drawn])]

    def _timed_stages(self, places: Sequence[tuple[int, Widths]]) -> list[float]:
        """Return the stages' times; those of one stage take turns, so that a slow moment hits all of them."""
        times = {}
        for stage in sorted({stage for stage, _ in places}):
            mine = [widths for at, widths in places if at == stage]
            runs = [self._stage(stage, widths) for widths in mine]
            times.update(zip(((stage, widths) for widths in mine), self._timed(runs), strict=True))
        return [times[place] for place in places]

    def _whole(self, widths: Widths) -> Callable[[], object]:
        from ganc.onnx_graphs.generator import generator_graph

        state = self._state.leading(self._state.spec.narrowed(widths))
        return self._run(self._compiled(generator_graph(state)), state.spec.in_channels, 1)

    def _stage(self, stage: int, widths: Widths) -> Callable[[], object]:
        from ganc.onnx_graphs.generator import segment_graph

        state = self._state.leading(self._state.spec.narrowed(widths))
        channels, reduction = state.spec.segment_channels(stage - 1), state.spec.segment_reduction(stage)
        return self._run(self._compiled(segment_graph(state, stage)), channels, reduction)

    def _compiled(self, graph: bytes) -> CompiledGraph:
        return compile_graph(graph, self._engine, self._precision)

    def _run(self, graph: CompiledGraph, channels: int, reduction: Reduction) -> Callable[[], object]:
        width, height = self._size
        shape = (1, channels, height // reduction, width // reduction)
        picture = keyed_generator(0, "search/latency/picture").uniform(-1, 1, shape).astype(np.float32)
        return lambda: graph(picture)

    def _timed(self, runs: Sequence[Callable[[], object]]) -> list[float]:
        """Return each run's median milliseconds. They take turns; the first run of a turn only warms up."""
        seconds: list[list[float]] = [[] for _ in runs]
        for _ in range(self._turns):
            for run, own in zip(runs, seconds, strict=True):
                run()
                for _ in range(self._repeats):
                    start = time.perf_counter()
                    run()
                    own.append(time.perf_counter() - start)
        return [1000 * statistics.median(own) for own in seconds]


def fitted_correction(sums: Sequence[Sequence[float]], whole: Sequence[float]) -> list[float]:
    """Return a factor for each column of sums (N, k), and an offset, that take them to the whole times (N,).

    They have the least squared relative error, but for a small penalty on leaving one common factor (ridge
    regression, Hoerl and Kennard 1970).
    """
    whole = np.asarray(whole, np.float64)
    terms = np.column_stack([np.asarray(sums, np.float64), np.ones(len(whole))]) / whole[:, None]
    total = terms[:, :-1].sum(axis=1)
    common = np.append(np.full(terms.shape[1] - 1, total.sum() / (total @ total)), 0.0)
    scale = np.append(np.ones(terms.shape[1] - 1), 1 / np.median(whole))  # of the penalty: the offset's is relative too
    penalty = RIDGE * len(whole) * np.diag(scale**2)
    change = np.linalg.solve(terms.T @ terms + penalty, terms.T @ (1 - terms @ common))
    return (common + change).tolist()


def latency_of(
    state: NetworkState,
    space: SearchSpace,
    image_size: tuple[int, int],
    kind: str,
    *,
    engine: str = "auto",
    path: Path | None = None,
    digest: str = "",
    restart: bool = False,
) -> Latency:
    """Return the latency of a search's sub-networks on the CPU, in f32.

    Args:
        kind: MEASURED or TABLE.
        engine: auto is the fastest that is installed.
        path: where numbers are kept between runs.
        digest: the supernet's; numbers of another are refused.

    Raises:
        MissingDependencyError: no engine is installed, or not this one.
        RunError: what is kept at `path` belongs to something else.
    """
    if engine == "auto":
        engine = fastest_engine(graph_engines())
    device = f"cpu, {engine_threads()} threads"
    header = {"supernet": digest, "engine": engine, "precision": "f32", "device": device, "size": [*image_size]}
    header |= {"space": space.text}
    notebook = Notebook(path, header, restart=restart)
    model = LatencyModel(state, space, image_size, kind, notebook, engine)
    return Latency(model.of, engine, "f32", device)


def _object(line: bytes) -> dict | None:
    with contextlib.suppress(ValueError):
        value = json.loads(line)
        return value if isinstance(value, dict) else None
    return None


def _absent() -> float:
    raise RunError("a stage is missing in the table of latencies; use --restart")
