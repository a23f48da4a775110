"""Models of a metric over the widths, fitted to what was measured, and the choice among them by cross-validation.

The libraries' own numbers of threads do not count: everything is computed in one, so that a search that is started
again on another number of cores fits the same.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from scipy import stats

from ganc.base.extras import SCIKIT_LEARN, require
from ganc.base.rng import keyed_generator
from ganc.models.space import SearchSpace
from ganc_search.settings import FOLDS, LARGEST_PROCESS, ModelName

TREES = 150
FORESTS = 3  # boosted ones, whose spread says how sure they are; one is enough to compare with other models


class Model(Protocol):
    """What is fitted to inputs (N, d) and values (N,) of mean 0 and deviation 1."""

    def fit(self, inputs: np.ndarray, values: np.ndarray) -> Any: ...

    def predict(self, inputs: np.ndarray, return_std: bool = False) -> Any:
        """Return the values (N,), and with `return_std` also their standard deviations (N,)."""


class BoostedTrees:
    """Forests of boosted trees, each on a part of the rows that is drawn anew for every tree."""

    def __init__(self, forests: int):
        from sklearn.ensemble import GradientBoostingRegressor

        how = {"n_estimators": TREES, "learning_rate": 0.06, "max_depth": 3, "subsample": 0.6}
        self._forests = [GradientBoostingRegressor(random_state=number, **how) for number in range(forests)]

    def fit(self, inputs: np.ndarray, values: np.ndarray) -> "BoostedTrees":
        for forest in self._forests:
            forest.fit(inputs, values)
        return self

    def predict(self, inputs: np.ndarray, return_std: bool = False) -> Any:
        made = np.stack([forest.predict(inputs) for forest in self._forests])
        return (made.mean(axis=0), made.std(axis=0)) if return_std else made.mean(axis=0)


def _linear() -> Model:
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures

    return _Piped(make_pipeline(PolynomialFeatures(2, include_bias=False), BayesianRidge()))


class _Piped:
    """A pipeline whose last step says how sure it is."""

    def __init__(self, pipeline: Any):
        self._pipeline = pipeline

    def fit(self, inputs: np.ndarray, values: np.ndarray) -> "_Piped":
        self._pipeline.fit(inputs, values)
        return self

    def predict(self, inputs: np.ndarray, return_std: bool = False) -> Any:
        return self._pipeline[-1].predict(self._pipeline[:-1].transform(inputs), return_std=return_std)


def _gaussian_process(segments: int) -> Model:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    lengths = Matern(np.full(segments, 4.0), (0.3, 100.0), nu=2.5)
    kernel = ConstantKernel(4.0, (1e-2, 1e3)) * lengths + WhiteKernel(1e-2, (1e-5, 1.0))
    return GaussianProcessRegressor(kernel, alpha=1e-8, random_state=0)


def new_model(name: ModelName, segments: int, forests: int = FORESTS) -> Model:
    """Return a model that is not fitted yet; `segments` is the number of inputs."""
    if name == ModelName.LINEAR:
        return _linear()
    return BoostedTrees(forests) if name == ModelName.TREES else _gaussian_process(segments)


CANDIDATES = (ModelName.LINEAR, ModelName.TREES, ModelName.GAUSSIAN_PROCESS)


def candidates_for(rows: int) -> list[ModelName]:
    """Return the models to choose from for so many rows: of many, without the Gaussian process."""
    return [name for name in CANDIDATES if name != ModelName.GAUSSIAN_PROCESS or rows <= LARGEST_PROCESS]


def scaled_widths(space: SearchSpace, widths: np.ndarray) -> np.ndarray:
    """Return what models see of widths (N, segments): (N, d), the logarithm of each, a segment's from -1 to 1.

    Segments that have one width are left out; in a space of one sub-network there is one column, which says nothing.
    """
    logs = np.log([(choices[0], choices[-1]) for choices in space.choices])
    varies = logs[:, 0] > logs[:, 1]
    if not varies.any():
        return np.zeros((len(widths), 1))
    high, low = logs[varies].T
    return 2 * (np.log(widths[:, varies]) - low) / (high - low) - 1


@dataclass(frozen=True)
class Fitted:
    """A model that was fitted to N measured sub-networks, and how far it can be trusted.

    Attributes:
        name: which model it is.
        left_out: (N,) what models of the same kind, fitted without them, predict of the measured ones.
        error: root of the mean squared difference between these and what was measured.
        correlations: Spearman's rank correlation between them, of each model that was tried.
    """

    name: ModelName
    model: Model
    mean: float
    scale: float
    left_out: np.ndarray
    error: float
    correlations: Mapping[str, float]

    def predict(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values and standard deviations, both (N,), of inputs (N, d)."""
        values, deviations = _alone(lambda: self.model.predict(inputs, return_std=True))
        return self.mean + self.scale * values, self.scale * deviations


def fit_best(inputs: np.ndarray, values: np.ndarray, names: Sequence[ModelName], seed: int) -> Fitted:
    """Fit each of the models, and return the one whose predictions of what it has not seen order it best.

    Args:
        inputs: (N, d) of the measured sub-networks. values: (N,) that were measured, finite.
        seed: of the cut into folds.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    require(SCIKIT_LEARN)
    mean, scale = float(values.mean()), float(values.std()) or 1.0
    scaled = (values - mean) / scale
    folds = keyed_generator(seed, "search/folds", len(values)).permutation(len(values)) % FOLDS
    found = {}
    for name in names:
        left_out = _alone(partial(_left_out, name, inputs, scaled, folds))
        rank = stats.spearmanr(left_out, scaled).statistic if np.ptp(left_out) and np.ptp(scaled) else 0.0
        found[name] = (float(rank), mean + scale * left_out)
    best = max(found, key=lambda name: found[name][0])
    model = _alone(lambda: new_model(best, inputs.shape[1]).fit(inputs, scaled))
    left_out = found[best][1]
    error = float(np.sqrt(np.mean((left_out - values) ** 2)))
    return Fitted(best, model, mean, scale, left_out, error, {str(name): rank for name, (rank, _) in found.items()})


def _left_out(name: ModelName, inputs: np.ndarray, values: np.ndarray, folds: np.ndarray) -> np.ndarray:
    made = np.zeros(len(values))
    for fold in np.unique(folds):
        out = folds == fold
        model = new_model(name, inputs.shape[1], forests=1).fit(inputs[~out], values[~out])
        made[out] = model.predict(inputs[out])
    return made


def _alone(compute: Callable[[], Any]) -> Any:
    """Return what is computed in one thread, without the library's remarks on a fit that touches its bounds."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compute()
