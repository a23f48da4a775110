"""The parts of benchmarks/search.py that run in processes of their own: search_parts.py PART FOLDER SIZE JSON."""

import json
import resource
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
from search_setup import Setup, subnets


def statistics(setup: Setup) -> dict:
    """Write the target's statistics."""
    from ganc.metrics import feature_set, write_statistics
    from ganc.metrics.evaluation import domain_statistics
    from ganc.system.runtime import select_device

    select_device("cpu")
    size = (setup.size, setup.size)
    write_statistics(setup.statistics, domain_statistics(setup.data, "B", size, feature_set("inception-v3-fid")))
    return {}


def usual(setup: Setup, space: str, every: int, first: int) -> dict:
    """The usual loop in PyTorch eager: each sub-network on each image, Inception's features, the distance.

    The distance is computed twice: by the matrix square root of the product of both covariances, and by ganc's formula.
    """
    import scipy
    import torch
    from torch_networks import generator

    from ganc.data import EvaluationSet, read_images
    from ganc.metrics import frechet_distance_from_features, read_statistics
    from ganc.system.runtime import engine_threads

    torch.set_num_threads(engine_threads())
    state, features_of = setup.generator(), _torch_inception(setup)
    target = read_statistics(setup.statistics, None)
    images = [*EvaluationSet(read_images(setup.data, "testA"), (setup.size, setup.size), 1 << 30).batches(1)]
    rows = []
    for widths in subnets(space, every, first):
        times, clock = {}, _Clock()
        network = generator(state.leading(state.spec.narrowed(widths)))
        with torch.no_grad():
            made = [((network(torch.from_numpy(image)) + 1) / 2 * 255).to(torch.uint8) for image in images]
            times["generator"] = clock.lap()
            parts = [features_of(torch.cat(made[start : start + 8])) for start in range(0, len(made), 8)]
        features = torch.cat(parts).double().numpy()
        times["features"] = clock.lap()
        root = _root_distance(features, target)
        times["square root"] = clock.lap()
        fast = frechet_distance_from_features(features, target.mu, target.sigma)
        times["fast distance"] = clock.lap()
        rows.append({"widths": widths, "times": times, "root": root, "fast": fast})
    return {"rows": rows, "versions": {"torch": torch.__version__, "scipy": scipy.__version__}}


def _torch_inception(setup: Setup):
    """Return pytorch-fid's network with the benchmark's weights, as a function of uint8 (n, 3, h, w)."""
    import torch

    from ganc.metrics.inception.weights import read_weights

    sys.path.append(str(Path(__file__).parents[1]))
    from shared.inception_blocks import import_pytorch_fid

    inception, _ = import_pytorch_fid()
    state = {name: torch.from_numpy(array) for name, array in read_weights(setup.weights).tensors.items()}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    inception.load_state_dict_from_url = lambda *_, **__: state
    model = inception.InceptionV3([3]).eval()
    return lambda images: model(images.float() / 255)[0][:, :, 0, 0]


def _root_distance(features: np.ndarray, target) -> float:
    import scipy.linalg

    sigma = np.cov(features, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few images the covariance is singular, as in every such search
        root = scipy.linalg.sqrtm(sigma @ target.sigma)
    difference = features.mean(axis=0) - target.mu
    return float(difference @ difference + np.trace(sigma) + np.trace(target.sigma) - 2 * np.trace(root).real)


def ganc(setup: Setup, space: str, **how) -> dict:
    """A search by ganc; the time includes compiling the segments and the files, and not loading Inception.

    Args:
        how: see `_settings`; `cheap` is the feature set of a race's first steps.
    """
    from ganc_search.search import Search

    search = Search(_settings(setup, space, output="search.h5", **how))
    clock = _Clock()
    with search:
        for _ in search.run():
            pass
        results = search.results()
    seconds = clock.lap()
    rows = [
        {"widths": row.widths, "images": row.images, "value": row.metrics[search.inputs.evaluator.metric]}
        for row in results
        if search.inputs.evaluator.metric in row.metrics
    ]
    return {"seconds": seconds, "rows": rows, "engine": search.engine, "peak": _peak()}


def profile(setup: Setup, space: str) -> dict:
    """Where the time of a search goes: the evaluation of a search with a clock around each of its parts."""
    from ganc_search.evaluate.shared_segments import SharedEvaluator
    from ganc_search.setup import SearchInputs

    inputs = SearchInputs(_settings(setup, space, output="profile.h5"))
    evaluation = inputs.evaluation
    evaluation.measure_features(np.random.default_rng(0).normal(size=(8, evaluation.feature_set.dimensions)))
    times: dict[str, float] = defaultdict(float)
    timed = TimedEvaluation(evaluation, times)
    evaluator = SharedEvaluator(timed, TimedSegments(inputs.evaluator.segments, times))
    clock = _Clock()
    evaluator.measure(subnets(space), evaluator.images)
    total = clock.lap()
    times["8-bit images, loading and the rest"] = total - sum(times.values())
    return {"times": times, "total": total, "images": evaluator.images, "subnets": len(subnets(space))}


class TimedSegments:
    """Segments that note what compiling and running each of them take."""

    def __init__(self, segments, times: dict[str, float]):
        self._segments, self._times = segments, times
        self.load, self.images, self.fits = segments.load, segments.images, segments.fits
        self.images_at_once = segments.images_at_once
        self.prepare = _timed(segments.prepare, times, "compiling")

    def segment(self, number: int, widths):
        return _timed(self._segments.segment(number, widths), self._times, f"segment {number}")


class TimedEvaluation:
    """An evaluation that notes what features and distances take."""

    def __init__(self, evaluation, times: dict[str, float]):
        self.images, self.batch_size = evaluation.images, evaluation.batch_size
        self.feature_set, self.ranking = _timed(evaluation.feature_set, times, "features"), evaluation.ranking
        self.feature_set.name = evaluation.feature_set.name
        self.measure_features = _timed(evaluation.measure_features, times, "distances")


def _timed(function, times: dict[str, float], name: str):
    def run(*arguments):
        clock = _Clock()
        try:
            return function(*arguments)
        finally:
            times[name] += clock.lap()

    return run


def memory(setup: Setup, groups: int) -> dict:
    """The peak memory of groups of an exhaustive search of channels-32, after every different segment ran once.

    A whole search takes hours; what it holds at most it holds as soon as its segments are compiled and a group is
    evaluated on all images.
    """
    from ganc_search.evaluate.shared_segments import cut_into_groups
    from ganc_search.setup import SearchInputs

    settings = _settings(setup, "channels-32", output="memory.h5")
    evaluator = SearchInputs(settings).evaluator
    everything = subnets("channels-32")
    for group in cut_into_groups(everything[::37], settings.group_size, evaluator.fits):
        evaluator.measure(group, 2)
    for group in cut_into_groups(everything[: groups * 27], settings.group_size, evaluator.fits)[:groups]:
        evaluator.measure(group, evaluator.images)
    return {"peak": _peak(), "engine": evaluator.segments.name}


def _settings(
    setup: Setup, space: str, *, output: str, racing: bool = False, cheap: str | None = None, metric: str = "", **values
):
    """Return settings of a search; `metric` names a feature set, of which statistics are made, in Inception's place."""
    from ganc.models.space import parse_space
    from ganc_search.settings import SearchSettings
    from ganc_search.strategies.racing import Racing

    values = {name: value for name, value in values.items() if value is not None}
    measured = {"feature_set": metric} if metric else {"statistics": setup.statistics}
    return SearchSettings(
        supernet=setup.supernet,
        folder=setup.data,
        direction="AtoB",
        output=setup.folder / output,
        space=parse_space(space),
        racing=Racing(features=cheap) if racing else None,
        device="cpu",
        restart=True,
        **measured,
        **values,
    )


class _Clock:
    def __init__(self):
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the seconds since the last lap."""
        last, self._last = self._last, time.perf_counter()
        return self._last - last


def _peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    name, folder, size, settings = sys.argv[1:]
    parts = (statistics, usual, ganc, profile, memory)
    found = {part.__name__: part for part in parts}[name](Setup(Path(folder), int(size)), **json.loads(settings))
    print(json.dumps(found))
