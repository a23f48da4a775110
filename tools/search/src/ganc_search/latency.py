"""How long sub-networks take on the engine, and in the precision, that they will be deployed in.

Each is timed, or summed up from its segments. A time is the least of several turns: what others take from the machine
meanwhile only adds, and the threads of the network before may still spin.
What was measured is kept in a file beside the results, so that a search that is started again decides as before.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np

from ganc.base.differences import differences
from ganc.base.engine_table import engine_row, precision_row
from ganc.base.errors import RunError, SpecError
from ganc.base.extras import ONNX, require
from ganc.base.journal_file import JournalFile
from ganc.base.json_text import JsonObject
from ganc.base.rng import keyed_generator
from ganc.engines.compile import adapter_of, compile_graph
from ganc.engines.timing import random_images, timed_by_turns
from ganc.models.convolutions import NetworkState
from ganc.models.family import Widths, format_widths
from ganc.models.layers import convolutions
from ganc.models.space import SearchSpace
from ganc.system.runtime import engine_threads
from ganc_search.evaluate.segments import segment_key
from ganc_search.settings import LatencyKind

Watch = Callable[[int, int | None], object]

FORMAT, VERSION = "ganc-latency", 2  # 1 has no checksums; what a line holds is the same
BATCH = 1
# Sub-networks timed whole, besides the largest and the smallest, to correct the sums of a table.
CORRECTING = 22
WARM_UP = 2  # calls of each network before it is timed
INT8 = "int8"
ERROR = "error of the table"  # its number in the file
# How far a factor may leave the common one for a better fit: weak enough for a real difference, and what keeps it
# near the others where the sub-networks do not tell it.
RIDGE = 1e-4


def latency_file(path: Path, header: dict, *, restart: bool = False, restart_if_changed: bool = False) -> JournalFile:
    """Open the file that keeps latencies: named numbers that belong to what `header` says.

    Raises:
        RunError: the file belongs to something else, or another process holds it.
        FileFormatError, WriteError: as of JournalFile.
    """

    def check(found: dict) -> None:
        found = {key: found[key] for key in header if key in found}
        if different := differences(found, header, "{name} {one} and {other}"):
            raise RunError(
                f"{path}: latencies of something else: {'; '.join(different)} (there and now); "
                f"remove {path.name} to time anew, or write to another file"
            )

    return JournalFile(
        path,
        {"format": FORMAT, "version": VERSION, **header},
        check,
        _numbers,
        restart=restart,
        restart_if_changed=restart_if_changed,
        alone=True,
    )


def _numbers(line: dict) -> dict[str, float]:
    """Return a line's numbers by name. Raises FileFormatError where it holds anything else."""
    numbers = JsonObject.of(line, "the line")
    return {name: numbers.take(name, float) for name in numbers.members}


@dataclass(frozen=True)
class Deployed:
    """What a generator will run in, and how it is timed there.

    Attributes:
        engine: as for `ganc.engines.compile.compile_graph`.
        precision: of the form that is exported.
        turns: how often a network has its turn, as of `timed_by_turns`.
    """

    engine: str
    precision: str = "f32"
    turns: int = 5

    def require_possible(self) -> None:
        """Check that it can be run here.

        Raises:
            MissingDependencyError: the engine, or what makes the form, is not installed.
            SpecError: the engine has no such form, or the processor cannot run it.
        """
        row = engine_row(self.engine)
        if self.precision not in row.precisions:
            raise SpecError(f"{self.engine} has no {self.precision}, it has {', '.join(row.precisions)}")
        require(row.package, ONNX, *precision_row(self.precision).packages)
        adapter_of(self.engine).require_processor(self.precision)


class LatencyModel:
    """Milliseconds an image of a supernet's sub-networks, through one engine on the CPU, in images of a batch of BATCH.

    Args:
        space: the sub-networks in question. image_size: (width, height).
        kind: MEASURED compiles and times each sub-network; TABLE times each different segment once, and sums.
        deployed: through what; int8 for MEASURED alone.
        file: has what was measured before, and takes what is measured now; None keeps it in memory alone.
        watch: is called while something is timed: of a table with how many turns were had, of how many in all; where
            each sub-network is timed with how many were, of how many that `begin_list` has said, or of None.

    Attributes:
        of: gives the milliseconds of some widths.
        of_all: gives those of (N, segments) widths at once; None where each has to be timed.

    Raises:
        MissingDependencyError, SpecError: it cannot be run here, as of `Deployed.require_possible`.
    """

    def __init__(
        self,
        state: NetworkState,
        space: SearchSpace,
        image_size: tuple[int, int],
        kind: LatencyKind,
        deployed: Deployed,
        file: JournalFile | None = None,
        watch: Watch | None = None,
    ):
        deployed.require_possible()
        self._precision, self._watch = deployed.precision, watch
        self._state, self._space, self._size = state, space, image_size
        self._engine, self._file, self._turns = deployed.engine, file, deployed.turns
        self._numbers: dict[str, float] = {
            name: ms for line in (file.lines if file else ()) for name, ms in line.items()
        }
        # A factor of each group of segments, and an offset.
        self._correction = (*(f"correction {group}" for group in state.spec.shape.groups), "correction offset")
        self._asked, self._listed = 0, 0  # for whoever watches
        self._name = lru_cache(maxsize=None)(self._named)
        self.of = self.measured if kind == LatencyKind.MEASURED else self.predicted
        self.of_all = None if kind == LatencyKind.MEASURED else self.predicted_of

    def columns(self, widths: Widths) -> dict:
        """Return what a row says of the latency."""
        names = ("latency_engine", "latency_precision", "latency_device")
        return {"latency_ms": self.of(widths), **dict(zip(names, self.setup, strict=True))}

    @property
    def setup(self) -> tuple[str, str, str]:
        """Engine, precision and device, as rows say them."""
        return self._engine, self._precision, device_text()

    def measured(self, widths: Widths) -> float:
        """Return the time of the whole generator of these widths, each timed once and then remembered."""
        name = f"subnet {format_widths(widths)}"
        if new := name not in self._numbers:
            self._keep([name], self._timed([self._run(widths)], lambda: None))
        if new or self._listed:
            self._asked += 1
            total = self._listed or None
            if self._asked == total:
                self._listed = 0
            if self._watch:
                self._watch(self._asked, total)
        return self._numbers[name]

    def begin_list(self, count: int) -> None:
        """Say that the next `count` calls of `of` are a list, for whoever watches; those timed before count, too."""
        self._asked, self._listed = 0, count

    def predicted(self, widths: Widths) -> float:
        """Return the corrected sum of the segments' times.

        A whole graph saves what segments in a row spend on handing over, and finds its data in the cache, more in the
        blocks than elsewhere; the correction is fitted to some sub-networks that are timed whole.
        """
        self.build_table()
        correction = [self._numbers[name] for name in self._correction]
        return float(np.dot(correction, [*self._sums(widths), 1.0]))

    def predicted_of(self, widths: np.ndarray) -> np.ndarray:
        """Return what `predicted` does, of (N, segments) widths of the space at once: (N,) milliseconds."""
        self.build_table()
        family, choices = self._state.spec.shape, [np.array(sorted(one)) for one in self._space.choices]
        places = [np.searchsorted(own, column) for own, column in zip(choices, widths.T, strict=True)]
        *factors, offset = (self._numbers[name] for name in self._correction)
        total = np.full(len(widths), offset)
        for factor, group in zip(factors, family.groups.values(), strict=True):
            for segment in group:
                reads = family.input_segment(segment)
                times = [[self._time(segment, before, own) for own in choices[segment]] for before in choices[reads]]
                total += factor * np.array(times)[places[reads], places[segment]]
        return total

    def _time(self, segment: int, before: int, own: int) -> float:
        widths = self._widths(segment, int(before), int(own))
        return self._numbers[self._name(*segment_key(self._state.spec.shape, segment, widths))]

    def build_table(self) -> None:
        """Time every segment of the space and fit the correction, unless that is done."""
        if self._numbers.keys() >= {*self._correction}:
            return
        missing = {}
        for segment in range(len(self._space.choices)):
            named = {self._name(*key): widths for key, widths in self._different(segment).items()}
            missing[segment] = {name: widths for name, widths in named.items() if name not in self._numbers}
        drawn = [self._space.draw(keyed_generator(0, "search/latency", index)) for index in range(CORRECTING)]
        few = [*dict.fromkeys([self._space.largest, self._space.smallest, *drawn])]
        turns = _Turns(self._watch, self._turns * (sum(map(len, missing.values())) + len(few)))
        for segment, named in missing.items():
            # Those of one place take turns, so that a slow moment hits all of them.
            self._keep(named, self._timed([self._run(widths, segment) for widths in named.values()], turns))
        whole = self._timed([self._run(widths) for widths in few], turns)
        sums = [self._sums(widths) for widths in few]
        self._keep([*self._correction, ERROR], [*fitted_correction(sums, whole), left_out_error(sums, whole)])

    @property
    def table_error(self) -> float | None:
        """How far the table was from sub-networks that were timed whole and that it was not fitted to, on average, as a
        part of their times; None where there is no table, or an older one that does not say."""
        return self._numbers.get(ERROR)

    def _keep(self, names: Iterable[str], numbers: Sequence[float]) -> None:
        new = dict(zip(names, numbers, strict=True))
        self._numbers.update(new)
        if self._file is not None and new:
            self._file.write(new)

    def _sums(self, widths: Widths) -> list[float]:
        """Return the sums of the segments' times in each group of the family."""
        family = self._state.spec.shape
        keys = [segment_key(family, segment, widths) for segment in range(len(widths))]
        times = [self._numbers[self._name(*key)] for key in keys]
        return [sum(times[segment] for segment in group) for group in family.groups.values()]

    def _different(self, segment: int) -> dict[tuple[int, int, int], Widths]:
        """Return a sub-network for each different segment at a place of the space."""
        family, choices = self._state.spec.shape, self._space.choices
        pairs = product(choices[family.input_segment(segment)], choices[segment])
        return {segment_key(family, segment, w): w for w in (self._widths(segment, *pair) for pair in pairs)}

    def _widths(self, segment: int, before: int, own: int) -> Widths:
        widths = list(self._space.smallest)
        widths[self._state.spec.shape.input_segment(segment)] = before
        widths[segment] = own
        return tuple(widths)

    def _named(self, segment: int, before: int, own: int) -> str:
        """Return the name of a segment's number: two sub-networks of equal convolutions there share it."""
        plans = convolutions(self._state.spec.narrowed(self._widths(segment, before, own)).segments[segment])
        outs = "-".join(str(plan.out_channels) for plan in plans)
        return f"stage {segment} {outs} of {plans[0].in_channels}"  # as files of earlier versions say

    def _run(self, widths: Widths, segment: int | None = None) -> Callable[[], object]:
        """Return a call of the whole generator of these widths, or of one segment of it."""
        from ganc.onnx_graphs import generator as graphs  # needs onnx; measured latencies may all be in the file

        state = self._state.leading(self._state.spec.narrowed(widths))
        if segment is None:
            graph, channels, reduction = self._form(state), state.spec.in_channels, 1
        else:
            graph = graphs.segment_graph(state, segment)
            channels, reduction = state.spec.segment_channels(segment - 1), state.spec.segment_reduction(segment)
        # A graph in 8 bits has them in its own tensors.
        compiled = compile_graph(graph, self._engine, "f32" if self._precision == INT8 else self._precision)
        image = random_images(BATCH, channels, (self._size[0] // reduction, self._size[1] // reduction))
        return lambda: compiled(image)

    def _form(self, state: NetworkState) -> bytes:
        """Return a generator's graph in the precision; what 8 bits are calibrated on does not change its time."""
        from ganc.onnx_graphs import generator as graphs

        graph = graphs.generator_graph(state)
        if self._precision != INT8:
            return graph
        from ganc.data.layout import ImageFormat
        from ganc.onnx_graphs.quantise import quantised

        images = [random_images(1, state.spec.in_channels, self._size)]
        plain = ImageFormat("float32", "NCHW")
        return quantised(graph, state.spec.convolutions(), images, plain, float_results=self._engine == "openvino")

    def _timed(self, runs: Sequence[Callable[[], object]], watch: Callable[[], object]) -> list[float]:
        """Return each run's least milliseconds."""
        return [timing.least for timing in timed_by_turns(runs, self._turns, warm_up=WARM_UP, watch=watch)]


class _Turns:
    """Counts turns for whoever watches."""

    def __init__(self, watch: Watch | None, total: int | None):
        self._watch, self._total, self._done = watch, total, 0

    def __call__(self) -> None:
        self._done += 1
        if self._watch:
            self._watch(self._done, self._total)


def fitted_correction(sums: Sequence[Sequence[float]], whole: Sequence[float]) -> list[float]:
    """Return a factor for each column of sums (N, k), and an offset, that take them to the whole times (N,).

    They have the least squared relative error, but for a small penalty on leaving one common factor (ridge
    regression, Hoerl and Kennard 1970).
    """
    times = np.asarray(whole, np.float64)
    terms = np.column_stack([np.asarray(sums, np.float64), np.ones(len(times))]) / times[:, None]
    total = terms[:, :-1].sum(axis=1)
    common = np.append(np.full(terms.shape[1] - 1, total.sum() / (total @ total)), 0.0)
    scale = np.append(np.ones(terms.shape[1] - 1), 1 / np.median(times))  # of the penalty: the offset's is relative too
    penalty = RIDGE * len(whole) * np.diag(scale**2)
    change = np.linalg.solve(terms.T @ terms + penalty, terms.T @ (1 - terms @ common))
    return (common + change).tolist()


def left_out_error(sums: Sequence[Sequence[float]], whole: Sequence[float]) -> float:
    """Return how far each whole time is from the correction that is fitted to all others: the mean, relative."""
    off = []
    for place, time in enumerate(whole):
        others = [index for index in range(len(whole)) if index != place]
        correction = fitted_correction([sums[index] for index in others], [whole[index] for index in others])
        off.append(abs(float(np.dot(correction, [*sums[place], 1.0])) / time - 1))
    return float(np.mean(off))


def device_text() -> str:
    """Return what the engine runs on and how, as rows say it."""
    return f"cpu, {engine_threads()} threads, batch {BATCH}"
