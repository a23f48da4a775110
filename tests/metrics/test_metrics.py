"""The Fréchet distance against closed forms and scipy; feature sets against numpy; target statistics cached."""

import tracemalloc

import numpy as np
import pytest
from helpers.support import UNTRAINED
from PIL import Image

from ganc.base.cache import default_cache
from ganc.base.errors import StatisticsError
from ganc.base.rng import keyed_generator
from ganc.data import read_images
from ganc.metrics import (
    feature_set,
    frechet_distance,
    frechet_distance_from_features,
    image_features,
    target_statistics,
)
from ganc.metrics.untrained import UntrainedFeatures


def draw(name, *shape):
    return keyed_generator(0, name).standard_normal(shape)


def gaussian(name, dimensions, rank=None):
    factor = draw(name, dimensions, rank or 2 * dimensions)
    return draw(f"{name} mean", dimensions), factor @ factor.T / factor.shape[1]


def scipy_distance(mu1, sigma1, mu2, sigma2):
    root = pytest.importorskip("scipy.linalg").sqrtm(sigma1 @ sigma2)
    return np.sum((mu1 - mu2) ** 2) + np.trace(sigma1 + sigma2) - 2 * np.trace(root.real)


def test_with_equal_covariances_the_distance_is_that_of_the_means():
    mu1, sigma = gaussian("equal", 12)
    mu2 = mu1 + np.arange(12)
    assert frechet_distance(mu1, sigma, mu2, sigma) == pytest.approx(506, rel=1e-12)
    nearly = sigma * (1 + 1e-14)
    assert frechet_distance(mu1, sigma, mu2, nearly) == pytest.approx(506, rel=1e-9)


def test_commuting_covariances_have_a_closed_form():
    basis = np.linalg.qr(draw("basis", 9, 9))[0]
    values1, values2 = np.arange(9.0), np.arange(9.0)[::-1] ** 2
    sigma1, sigma2 = (basis * values1) @ basis.T, (basis * values2) @ basis.T
    expected = np.sum((np.sqrt(values1) - np.sqrt(values2)) ** 2)
    assert frechet_distance(np.zeros(9), sigma1, np.zeros(9), sigma2) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 64])
def test_the_distance_equals_scipys_matrix_square_root_and_is_symmetric(dimensions):
    first, second = gaussian("first", dimensions), gaussian("second", dimensions)
    distance = frechet_distance(*first, *second)
    assert distance == pytest.approx(scipy_distance(*first, *second), rel=1e-6)
    assert distance == pytest.approx(frechet_distance(*second, *first), rel=1e-12)


def test_singular_covariances_keep_their_precision():
    mu, sigma = gaussian("singular", 40, rank=5)
    assert frechet_distance(mu, sigma, mu, sigma) == 0
    basis = np.linalg.qr(draw("other basis", 40, 40))[0][:, :5]
    plane = basis @ basis.T
    assert frechet_distance(mu, plane, mu, 4 * plane) == pytest.approx(5, rel=1e-10)
    assert 0 <= frechet_distance(mu, plane, mu, plane * (1 + 1e-12)) < 1e-10
    # A point: only the traces are left.
    assert frechet_distance(mu, np.zeros((40, 40)), mu, sigma) == pytest.approx(np.trace(sigma), rel=1e-12)


@pytest.mark.parametrize("count", [2, 3, 30, 63, 64, 65, 200])
def test_the_form_for_few_images_equals_the_full_one(count):
    mu, sigma = gaussian("target", 64)
    features = draw("features", count, 64) * 2 + 1
    full = frechet_distance(features.mean(axis=0), np.cov(features, rowvar=False), mu, sigma)
    assert frechet_distance_from_features(features, mu, sigma) == pytest.approx(full, rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 20, 64, 100])
def test_a_set_has_no_distance_to_itself(count):
    features = np.abs(draw("same", count, 64)) * 30 + 5
    features[:, 60:] = 0  # a filter that never fires
    mu, sigma = features.mean(axis=0), np.cov(features, rowvar=False)
    assert frechet_distance_from_features(features, mu, sigma) == 0
    assert frechet_distance(mu, sigma, features[::-1].mean(axis=0), np.cov(features[::-1], rowvar=False)) == 0
    twice = np.concatenate([features, features])  # singular, and of another covariance by the factor that n - 1 brings
    assert 0 <= frechet_distance_from_features(twice, mu, sigma) < 0.03 * np.trace(sigma) * 4 / count


def test_features_far_from_an_isotropic_target_have_a_closed_form():
    """sigma = s I: the cross term is the square root of s times the sum of the features' singular values."""
    features = draw("wide", 120, 2048) * np.linspace(0.1, 3, 2048)
    centred = (features - features.mean(axis=0)) / np.sqrt(119)
    singular = np.linalg.svd(centred, compute_uv=False)
    expected = np.sum((features.mean(axis=0) - 1) ** 2) + np.sum(centred**2) + 4 * 2048 - 2 * 2 * singular.sum()
    distance = frechet_distance_from_features(features, np.ones(2048), 4 * np.eye(2048))
    assert distance == pytest.approx(expected, rel=1e-10)


def test_few_features_equal_scipys_matrix_square_root():
    """120 images of 300 dimensions against a full reference; benchmarks/metric.py does it with 2048."""
    mu, sigma = gaussian("scipy", 300)
    features = draw("scipy features", 120, 300) * 1.5 + 0.5
    expected = scipy_distance(features.mean(axis=0), np.cov(features, rowvar=False), mu, sigma)
    assert frechet_distance_from_features(features, mu, sigma) == pytest.approx(expected, rel=1e-6)


def test_few_inception_sized_features_need_no_second_matrix_of_that_size():
    """The full form would make several of 2048 x 2048 and take their square roots, which takes seconds."""
    features, factor = draw("wide", 120, 2048), draw("wide target", 300, 2048)
    mu, sigma = factor.mean(axis=0), factor.T @ factor / 300
    tracemalloc.start()
    try:
        frechet_distance_from_features(features, mu, sigma)
        _, largest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert largest < sigma.nbytes


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((np.zeros(3), np.eye(3), np.zeros(4), np.eye(4)), "3 and 4"),
        ((np.zeros(3), np.eye(4), np.zeros(3), np.eye(3)), r"first.*mu.*\(3,\)"),
        ((np.zeros(3), np.eye(3), np.array([0, np.nan, 0]), np.eye(3)), "second"),
        ((np.zeros(2), np.eye(2), np.zeros(2), np.diag([1.0, -1.0])), "second.*covariance"),
        ((np.zeros(2), np.eye(2), np.zeros(2), np.array([[1.0, 2], [2, 1]])), "second.*covariance"),
        ((np.zeros(2), np.array([[1.0, 0.5], [0.4, 1]]), np.zeros(2), np.eye(2)), "first.*symmetric.*0.1"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(arguments, named):
    with pytest.raises(StatisticsError, match=named):
        frechet_distance(*arguments)


def test_of_few_images_too_a_sigma_with_negative_eigenvalues_is_refused():
    draws = keyed_generator(0, "no covariance")
    axes = np.linalg.qr(draws.standard_normal((40, 40)))[0]
    sigma = (axes * np.where(np.arange(40) < 4, -1, 2)) @ axes.T
    assert sigma.diagonal().min() > 0
    features = draws.standard_normal((6, 4)) @ axes[:, :4].T
    with pytest.raises(StatisticsError, match=r"target.*negative eigenvalues.*covariance"):
        frechet_distance_from_features(features, np.zeros(40), sigma)


@pytest.mark.parametrize("images", [2, 5, 50])
@pytest.mark.parametrize("count", [2, 30])
def test_statistics_of_few_images_in_float32_are_taken(images, count):
    """Rounded, computed in float32, and as a difference of moments: what other programs write."""
    draws = keyed_generator(0, "float32 statistics")
    target, made = (np.maximum(draws.standard_normal((n, 256)) + 0.5, 0) for n in (images, count))
    target[:, :64] = 0  # channels that never fire
    single = target.astype(np.float32)
    centred, mean = single - single.mean(axis=0), single.mean(axis=0)
    moments = single.T @ single / np.float32(images) - np.outer(mean, mean)
    exact = np.cov(target, rowvar=False)
    expected = frechet_distance_from_features(made, target.mean(axis=0), exact)
    for sigma in (
        exact.astype(np.float32),
        centred.T @ centred / np.float32(images - 1),
        moments * np.float32(images / (images - 1)),
    ):
        found = frechet_distance_from_features(made, target.mean(axis=0), sigma)
        assert found == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("features", "named"),
    [
        (np.zeros((1, 3)), "1 .*covariance"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.array([[0.0, 0, 0], [0, np.inf, 0]]), "1 are not finite"),
        (np.zeros((2, 4)), "4 and 3"),
        (np.zeros((9, 4)), "4 and 3"),
    ],
)
def test_features_that_do_not_fit_are_refused(features, named):
    with pytest.raises(StatisticsError, match=named):
        frechet_distance_from_features(features, np.zeros(3), np.eye(3))


def random_images(name, count, height, width):
    return keyed_generator(1, name).integers(0, 256, (count, height, width, 3)).astype(np.uint8)


def numpy_features(network, images):
    """The network with loops over the kernel's positions, in float64."""
    planes = images.transpose(0, 3, 1, 2) / 127.5 - 1
    colour = planes.mean(axis=(2, 3))
    parts = []
    for kernel in network.weights:
        padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)))
        height, width = planes.shape[2] // 2, planes.shape[3] // 2
        planes = np.zeros((len(images), len(kernel), height, width))
        for y in range(4):
            for x in range(4):
                patch = padded[:, :, y : y + 2 * height : 2, x : x + 2 * width : 2]
                planes += np.einsum("nihw,oi->nohw", patch, kernel[:, :, y, x].astype(np.float64))
        planes = np.maximum(planes, 0)
        parts.append(planes.mean(axis=(2, 3)))
    return np.concatenate([*(network.scale * part for part in parts), network.colour_scale * colour], axis=1)


@pytest.mark.paddle26
@pytest.mark.parametrize("size", [(16, 16), (20, 33), (64, 48)])
def test_the_untrained_network_equals_its_numpy_form_at_any_size(size):
    network = feature_set(UNTRAINED)
    images = random_images("any size", 3, *size)
    features = network(images)
    assert features.shape == (3, network.dimensions)
    np.testing.assert_allclose(features, numpy_features(network, images), rtol=1e-4, atol=1e-5)


@pytest.mark.paddle26
def test_features_do_not_depend_on_the_batch():
    network = feature_set(UNTRAINED)
    images = random_images("batches", 7, 32, 32)
    whole = network(images)
    for size in (1, 2, 5):
        batches = (images[start : start + size] for start in range(0, 7, size))
        np.testing.assert_allclose(image_features(batches, network), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.paddle26
def test_the_feature_set_of_version_1_never_changes():
    network = feature_set(UNTRAINED)
    assert (network.name, network.dimensions) == ("untrained-conv3-v1", 67)
    assert network.digest == "85863d23cc3c582b1fb8cfe2be3b11fea50646dc1ef2d1866da23f9f41100073"
    ramp = np.arange(16 * 16 * 3).reshape(1, 16, 16, 3).astype(np.uint8)
    np.testing.assert_allclose(network(ramp)[0, :4], [1.84668, 1.147065, 2.670403, 2.978876], rtol=1e-4)


def test_the_digest_covers_name_architecture_and_weights():
    settings = {"seed": 1, "channels": (4, 4), "scale": 1.0, "colour_scale": 1.0}
    digests = {UntrainedFeatures("a", **settings).digest}
    for change in ({"seed": 2}, {"channels": (4, 5)}, {"scale": 2.0}, {"colour_scale": 2.0}):
        digests.add(UntrainedFeatures("a", **(settings | change)).digest)
    digests.add(UntrainedFeatures("b", **settings).digest)
    assert len(digests) == 6


def test_unknown_feature_sets_and_unfit_images_are_refused():
    with pytest.raises(StatisticsError, match=r"'fid'.*inception-v3-.*untrained-conv3-v1"):
        feature_set("fid")
    for images in (np.zeros((1, 8, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.zeros((1, 3, 64, 64), np.uint8)):
        with pytest.raises(StatisticsError, match="expected"):
            feature_set(UNTRAINED)(images)
    with pytest.raises(StatisticsError, match="no images"):
        image_features([], feature_set(UNTRAINED))


def coats(name, count, striped):
    """Noise in a colour of its own for each image; striped ones have dark bands on the middle."""
    generator = keyed_generator(2, name)
    images = generator.uniform(60, 190, (count, 1, 1, 3)) + generator.normal(0, 8, (count, 32, 32, 3))
    if striped:
        for image in images:
            bands = np.sin(np.arange(32) * generator.uniform(1.2, 1.8) + generator.uniform(0, 6)) > 0
            image[8:24, bands] -= 60
    return images.clip(0, 255).astype(np.uint8)


def test_stripes_are_far_and_halves_of_a_set_are_near():
    network = feature_set(UNTRAINED)
    plain, striped, more_striped = (
        network(coats(name, 60, stripes)) for name, stripes in (("a", False), ("b", True), ("c", True))
    )
    mu, sigma = striped.mean(axis=0), np.cov(striped, rowvar=False)
    far = frechet_distance_from_features(plain, mu, sigma)
    near = frechet_distance_from_features(more_striped, mu, sigma)
    assert far > 10 * near


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "data" / "trainB"
    folder.mkdir(parents=True)
    for index, image in enumerate(coats("files", 20, True)):
        Image.fromarray(image).save(folder / f"{index:02d}.png")
    return read_images(tmp_path / "data", "trainB")


def test_target_statistics_are_those_of_the_images_and_cached(target, tmp_path):
    network, cache = feature_set(UNTRAINED), tmp_path / "cache"
    statistics = target_statistics(target, (32, 32), network, cache)
    features = network(coats("files", 20, True))
    np.testing.assert_allclose(statistics.mu, features.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert (statistics.images, statistics.image_size, statistics.verified) == (20, (32, 32), True)
    assert statistics.data_fingerprint == target.fingerprint
    assert frechet_distance_from_features(features, statistics.mu, statistics.sigma) == pytest.approx(0, abs=1e-6)
    (kept,) = cache.iterdir()
    stamp = kept.stat().st_mtime_ns
    assert target_statistics(target, (32, 32), network, cache).digest == statistics.digest
    assert kept.stat().st_mtime_ns == stamp
    target_statistics(target, (24, 24), network, cache)
    assert len([*cache.iterdir()]) == 2


def assert_computed_again(found, expected):
    assert (found.images, found.data_fingerprint) == (expected.images, expected.data_fingerprint)
    for name in ("mu", "sigma", "features"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-5, atol=1e-5, err_msg=name)


def test_a_damaged_or_unwritable_cache_only_costs_time(target, tmp_path):
    cache = tmp_path / "cache"
    statistics = target_statistics(target, (32, 32), feature_set(UNTRAINED), cache)
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    assert_computed_again(target_statistics(target, (32, 32), feature_set(UNTRAINED), cache), statistics)
    (tmp_path / "file").touch()
    again = target_statistics(target, (32, 32), feature_set(UNTRAINED), tmp_path / "file" / "cache")
    assert_computed_again(again, statistics)


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GANC_CACHE", raising=False)
    assert default_cache() == tmp_path / "ganc"
    monkeypatch.setenv("GANC_CACHE", str(tmp_path / "own"))
    assert default_cache() == tmp_path / "own"
