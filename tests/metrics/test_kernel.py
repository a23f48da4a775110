"""The kernel distance and its standard error against loops and closed forms; measurements that have both distances."""

import dataclasses

import numpy as np
import pytest

from ganc.base.errors import StatisticsError
from ganc.base.rng import keyed_generator
from ganc.metrics import Measurement, Reference, frechet_distance_from_features, kernel_distance, statistics_of
from ganc.metrics.kernel import Subsets, kernel_distance_of_subsets
from ganc.metrics.untrained import UntrainedFeatures


def draw(name, *shape):
    return keyed_generator(0, name).standard_normal(shape)


def kernel_by_loops(features, target):
    """The estimate as its definition has it, one pair of images at a time."""

    def mean(first, second, *, same):
        values = [
            (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3
            for i, x in enumerate(first.tolist())
            for j, y in enumerate(second.tolist())
            if not (same and i == j)
        ]
        return sum(values) / len(values)

    across = mean(features, target, same=False)
    return mean(features, features, same=True) + mean(target, target, same=True) - 2 * across


def jackknife_by_loops(features, target):
    """The standard error by leaving out one image after another."""
    variance = 0
    for number, mine in enumerate((features, target)):
        left = []
        for index in range(len(mine)):
            fewer = np.delete(mine, index, axis=0)
            left.append(kernel_by_loops(*((fewer, target) if number == 0 else (features, fewer))))
        variance += (len(mine) - 1) / len(mine) * np.sum((np.array(left) - np.mean(left)) ** 2)
    return np.sqrt(variance)


@pytest.mark.parametrize(("images", "target"), [(2, 2), (2, 5), (9, 4), (5, 12)])
def test_the_kernel_distance_equals_its_definition(images, target):
    features, others = draw("kernel", images, 6) + 0.3, draw("kernel target", target, 6)
    distance = kernel_distance(features, others)
    assert distance.value == pytest.approx(kernel_by_loops(features, others), rel=1e-10)
    assert kernel_distance(others, features).value == pytest.approx(distance.value, rel=1e-10)
    if min(images, target) == 2:
        assert distance.error is None  # nothing is left to average over without one of two images
    else:
        assert distance.error == pytest.approx(jackknife_by_loops(features, others), rel=1e-8)


def test_many_images_are_summed_in_parts():
    features, others = draw("parts", 2100, 3), draw("other parts", 40, 3) * 2
    kernel = [(x @ y.T / 3 + 1) ** 3 for x, y in ((features, features), (others, others), (features, others))]
    inner = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in kernel[:2]]
    assert kernel_distance(features, others).value == pytest.approx(sum(inner) - 2 * kernel[2].mean(), rel=1e-9)


def test_the_kernel_distance_is_unbiased_and_its_error_is_that_of_repetitions():
    """N(0, 1) against N(c, 1) in one dimension: E (xy + 1)^3 follows from the moments."""
    shift, images, target, repetitions = 0.5, 12, 20, 3000

    def expected(mean1, mean2):
        second1, second2 = 1 + mean1**2, 1 + mean2**2
        third1, third2 = mean1**3 + 3 * mean1, mean2**3 + 3 * mean2
        return third1 * third2 + 3 * second1 * second2 + 3 * mean1 * mean2 + 1

    true = expected(0, 0) + expected(shift, shift) - 2 * expected(0, shift)
    draws = draw("repetitions", repetitions, images + target, 1)
    draws[:, images:] += shift
    distances = [kernel_distance(sample[:images], sample[images:]) for sample in draws]
    values, errors = np.array([[distance.value, distance.error] for distance in distances]).T
    assert values.mean() == pytest.approx(true, abs=4 * values.std() / np.sqrt(repetitions))
    # The jackknife errs on the high side, and third powers of few numbers vary a lot.
    assert 0.9 * values.std() < np.sqrt(np.mean(errors**2)) < 1.6 * values.std()
    same = [kernel_distance(sample[:6], sample[6:12]).value for sample in draws]
    assert np.mean(same) == pytest.approx(0, abs=4 * np.std(same) / np.sqrt(repetitions))
    assert min(same) < 0


def published_by_subsets(features, target, subsets, most, draws):
    """Mean and deviation over subsets as the usual programs sum them up."""
    size, values = min(len(features), len(target), most), []
    for _ in range(subsets):
        x, y = (part[draws.choice(len(part), size, replace=False)] for part in (target, features))
        within = (x @ x.T / x.shape[1] + 1) ** 3 + (y @ y.T / x.shape[1] + 1) ** 3
        across = (x @ y.T / x.shape[1] + 1) ** 3
        values.append(((within.sum() - np.trace(within)) / (size - 1) - 2 * across.sum() / size) / size)
    return np.mean(values), np.std(values)


def test_the_kernel_distance_by_subsets_is_the_published_one():
    features, others = draw("subsets", 20, 6) + 0.5, draw("subsets target", 30, 6)
    found = kernel_distance_of_subsets(features, others, Subsets(2000, 8))
    mean, deviation = published_by_subsets(features, others, 2000, 8, keyed_generator(1, "draws"))
    assert found.mean == pytest.approx(mean, abs=4 * deviation / np.sqrt(1000))
    assert found.deviation == pytest.approx(deviation, rel=0.15)
    assert (found.subsets, found.size) == (2000, 8)
    assert kernel_distance_of_subsets(features, others, Subsets(2000, 8)) == found
    whole = kernel_distance_of_subsets(features, others[:20], Subsets(3))  # each subset is all there is
    expected, _ = published_by_subsets(features, others[:20], 1, 1000, keyed_generator(1, "draws"))
    assert whole.size == 20
    assert whole.mean == pytest.approx(expected, rel=1e-9)
    assert whole.deviation == pytest.approx(0, abs=1e-12)


def test_features_that_have_no_kernel_distance_are_refused():
    for features, target, named in (
        (np.zeros((1, 3)), np.zeros((4, 3)), "at least 2"),
        (np.zeros((4, 3)), np.zeros((1, 3)), "at least 2"),
        (np.zeros((4, 3)), np.zeros((4, 2)), "3 and 2"),
        (np.full((4, 3), np.nan), np.zeros((4, 3)), "not finite"),
    ):
        with pytest.raises(StatisticsError, match=named):
            kernel_distance(features, target)


def test_a_measurement_has_both_distances_under_the_feature_sets_name():
    network = UntrainedFeatures("small", seed=1, channels=(2, 3), scale=1.0, colour_scale=1.0)
    target, features = draw("reference", 30, 8).astype(np.float32), draw("measured", 5, 8) + 1
    statistics = statistics_of(target, network, image_size=(16, 16), data_fingerprint="")
    measurement = Reference(statistics).measure(features)
    kernel = kernel_distance(features, target)
    distance = frechet_distance_from_features(features, statistics.mu, statistics.sigma)
    assert measurement == Measurement(distance, kernel.value, kernel.error, 5)
    assert measurement.values("small") == {"small": measurement.distance, "small-kid": kernel.value}
    assert measurement.errors("small") == {"small-kid": kernel.error}
    foreign = dataclasses.replace(statistics, features=None)
    assert Reference(foreign).measure(features) == Measurement(measurement.distance, None, None, 5)
    assert Reference(foreign).measure(features).values("small") == {"small": measurement.distance}
    assert Reference(foreign).measure(features).errors("small") == {}
    assert Reference(statistics).measure(features[:2]).kernel_error is None
