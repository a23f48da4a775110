"""The Fréchet distance between two Gaussians, with numpy alone.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", arXiv 1706.08500,
equation 6: d^2 = |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).
"""

from functools import cached_property

import numpy as np

from ganc.base.errors import StatisticsError
from ganc.base.text import counted

# A lowest eigenvalue that is more negative than this part of the largest is more than the rounding of float32, which
# leaves less than 1e-6 in statistics of few images.
_NEGATIVE_PART = 1e-4
_ASYMMETRIC_PART = 1e-3  # of the largest variance; products of float32 that were summed in another order differ less
_ROWS = 128


def frechet_distance(mu1: np.ndarray, sigma1: np.ndarray, mu2: np.ndarray, sigma2: np.ndarray) -> float:
    """Return the (squared) Fréchet distance between N(mu1, sigma1) and N(mu2, sigma2).

    Args:
        mu1, mu2: (d,) means. sigma1, sigma2: (d, d) covariances, which may be singular.

    Raises:
        StatisticsError: shapes do not match, a number is not finite, or a sigma is no covariance.
    """
    return Gaussian(mu1, sigma1, "first").distance(Gaussian(mu2, sigma2, "second"))


def frechet_distance_from_features(features: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> float:
    """Return the Fréchet distance between the images' features and N(mu, sigma).

    Args:
        features: (n, d), one row an image, n >= 2; their covariance is divided by n - 1.
        mu, sigma: (d,) and (d, d).

    Raises:
        StatisticsError: fewer than two images, shapes do not match, a number is not finite, or sigma is no covariance.
    """
    return Gaussian(mu, sigma, "target").distance_of_features(checked_features(features))


class Gaussian:
    """N(mu, sigma), checked once, so that many sets of features can be compared with it.

    Args:
        mu, sigma: (d,) and (d, d); sigma may be singular.
        which: what it is called in an error's message.

    Raises:
        StatisticsError: shapes do not match, a number is not finite, or sigma is seen to be no covariance.
    """

    def __init__(self, mu: np.ndarray, sigma: np.ndarray, which: str = "target"):
        self.mu, self.sigma = _checked_gaussian(mu, sigma, which)
        self.which = which
        self.trace = float(np.trace(self.sigma))

    @cached_property
    def _root(self) -> np.ndarray:
        return _square_root(self.sigma, self.which)

    def distance(self, other: "Gaussian") -> float:
        """Return the Fréchet distance to another Gaussian.

        With A = sigma1^(1/2) and B = sigma2^(1/2), tr (sigma1 sigma2)^(1/2) is the sum of the singular values of A B.
        Unlike the square root of the product this needs no complex numbers, is symmetric in the two, and keeps its
        precision where the covariances are singular.

        Raises:
            StatisticsError: dimensions differ, or a sigma is no covariance.
        """
        require_equal_dimensions(len(self.mu), len(other.mu))
        if np.array_equal(self.sigma, other.sigma):
            return float(np.sum((self.mu - other.mu) ** 2))
        cross = np.linalg.svd(self._root @ other._root, compute_uv=False).sum()
        return _assembled(self.mu - other.mu, self.trace, other.trace, cross)

    def distance_of_features(self, features: np.ndarray) -> float:
        """Return the Fréchet distance of features (n, d), float64 as `checked_features` returns them.

        For n < d only an n x n matrix is needed: with C the centred features over sqrt(n - 1), the features' covariance
        is C^T C, and the non-zero eigenvalues of (C^T C) sigma are those of C sigma C^T.

        Raises:
            StatisticsError: dimensions differ, or sigma is no covariance.
        """
        count, dimensions = features.shape
        require_equal_dimensions(dimensions, len(self.mu))
        mean = features.mean(axis=0)
        centred = (features - mean) / np.sqrt(count - 1)
        if count >= dimensions:
            return Gaussian(mean, centred.T @ centred, "images'").distance(self)
        inner = centred @ self.sigma @ centred.T
        values = np.linalg.eigvalsh((inner + inner.T) / 2)
        _require_no_negative(values, self.which)
        cross = np.sqrt(_eigenvalues_kept(values)).sum()
        return _assembled(mean - self.mu, float(np.sum(centred**2)), self.trace, cross)


def checked_features(features: np.ndarray) -> np.ndarray:
    """Return features as float64 (n, d). Raises StatisticsError for another shape, n < 2, or numbers not finite."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2:
        raise StatisticsError(f"features have shape {features.shape}, expected (images, dimensions)")
    if len(features) < 2:
        few = counted(len(features), "image")
        raise StatisticsError(f"features of {few} have no covariance; at least 2 images are needed")
    if not np.isfinite(features).all():
        wrong = int(np.argmin(np.isfinite(features).all(axis=1)))
        raise StatisticsError(f"features of image {wrong} are not finite; the generator that made it has diverged")
    return features


def _checked_gaussian(mu: np.ndarray, sigma: np.ndarray, which: str) -> tuple[np.ndarray, np.ndarray]:
    mu, sigma = np.asarray(mu, np.float64), np.asarray(sigma, np.float64)
    if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
        raise StatisticsError(
            f"{which} statistics: mu has shape {mu.shape}, sigma {sigma.shape}; expected (d,), (d, d)"
        )
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise StatisticsError(f"{which} statistics hold numbers that are not finite; compute them again")
    if said := no_covariance(sigma):
        raise StatisticsError(f"{which} statistics: {said}; compute them again")
    return mu, sigma


def no_covariance(sigma: np.ndarray) -> str:
    """Return why a finite (d, d) array is seen to be no covariance, before its eigenvalues are known; else ""."""
    largest = max(float(sigma.diagonal().max(initial=0)), 0.0)
    if (least := float(sigma.diagonal().min(initial=0))) < -_NEGATIVE_PART * largest:
        return f"sigma is no covariance, which has no negative variance ({least:.3g})"
    if (difference := _asymmetry(sigma)) > _ASYMMETRIC_PART * largest:
        return f"sigma is no covariance, which is symmetric (its halves differ by {difference:.3g})"
    return ""


def _asymmetry(sigma: np.ndarray) -> float:
    """Return the largest difference between an array (d, d) and its transpose, without another of that size."""
    parts = [slice(start, start + _ROWS) for start in range(0, len(sigma), _ROWS)]
    return max((float(np.abs(sigma[part] - sigma[:, part].T).max()) for part in parts), default=0.0)


def require_equal_dimensions(first: int, second: int) -> None:
    if first != second:
        raise StatisticsError(f"features of {first} and {second} dimensions meet; use one feature set for both")


def _square_root(sigma: np.ndarray, which: str) -> np.ndarray:
    values, vectors = np.linalg.eigh((sigma + sigma.T) / 2)
    _require_no_negative(values, which)
    return (vectors * np.sqrt(_eigenvalues_kept(values))) @ vectors.T


def _require_no_negative(values: np.ndarray, which: str) -> None:
    """Raise StatisticsError where rising eigenvalues (d,) of a sigma, or of one between features, are no squares."""
    if len(values) and values[0] < -_NEGATIVE_PART * max(values[-1], 0):
        raise StatisticsError(
            f"{which} statistics: sigma has negative eigenvalues ({values[0]:.3g}, the largest is {values[-1]:.3g}), "
            "so that it is no covariance; compute them again"
        )


def _eigenvalues_kept(values: np.ndarray) -> np.ndarray:
    """Return rising eigenvalues (d,) with rounding noise set to 0: the square roots of noise would not be small."""
    noise = len(values) * np.finfo(np.float64).eps * max(values[-1], 0.0) if len(values) else 0.0
    return np.where(values > noise, values, 0.0)


def _assembled(difference: np.ndarray, trace1: float, trace2: float, cross: float) -> float:
    """Return the sum of the terms; what is below the rounding of the terms is no distance but 0."""
    total = float(difference @ difference + trace1 + trace2 - 2 * cross)
    rounding = len(difference) * np.finfo(np.float64).eps * (trace1 + trace2)
    return total if total > rounding else 0.0
