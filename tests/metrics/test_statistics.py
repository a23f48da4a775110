"""Statistics files: what they hold, that they can be exchanged, and what is refused."""

import dataclasses
import hashlib
import json
import tracemalloc
import zipfile

import numpy as np
import pytest
from helpers.support import UNTRAINED

from ganc.base.errors import FileFormatError, StatisticsError
from ganc.base.rng import keyed_generator
from ganc.metrics import feature_set, read_statistics, statistics_of, write_statistics
from ganc.metrics.untrained import UntrainedFeatures

NETWORK = UntrainedFeatures("small", seed=1, channels=(2, 3), scale=1.0, colour_scale=1.0)
FEATURES = keyed_generator(0, "features").standard_normal((12, 8))


def make(**changes):
    statistics = statistics_of(FEATURES, NETWORK, image_size=(64, 48), data_fingerprint="images")
    return dataclasses.replace(statistics, **changes)


def test_statistics_are_mean_and_covariance_and_come_back_from_the_file(tmp_path):
    statistics = make()
    np.testing.assert_allclose(statistics.sigma, np.cov(FEATURES, rowvar=False), rtol=1e-12)
    path = tmp_path / "new" / "Größe.npz"
    write_statistics(path, statistics)
    again = read_statistics(path, NETWORK)
    np.testing.assert_array_equal(again.mu, FEATURES.mean(axis=0))
    assert again.facts() == statistics.facts()
    assert again.digest == statistics.digest
    assert (again.images, again.image_size, again.verified) == (12, (64, 48), True)
    assert "bicubic" in again.resize
    np.testing.assert_array_equal(again.features, FEATURES.astype(np.float32))
    assert read_statistics(path, None).feature_set == "small"


def test_the_file_is_plain_numpy_and_equal_statistics_give_equal_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_statistics(tmp_path / name, make())
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["features", "ganc", "mu", "sigma"]
        assert archive["ganc"].shape == ()
        assert json.loads(str(archive["ganc"]))["feature_set"] == "small"


def test_the_digest_covers_all_content():
    digests = {make().digest, make(mu=make().mu + 1).digest, make(sigma=make().sigma * 2).digest}
    digests |= {make(feature_digest="x").digest, make(images=13).digest, make(data_fingerprint="x").digest}
    digests |= {make(features=make().features + 1).digest, make(features=None).digest, make(resize="nearest").digest}
    assert len(digests) == 9


def test_a_file_without_features_or_resize_filter_is_read_and_keeps_its_digest(tmp_path):
    """As ganc wrote them before; the digest is spelled out as docs/formats.md specifies it."""
    older = make(features=None, resize=None)
    write_statistics(tmp_path / "s.npz", older)
    with np.load(tmp_path / "s.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["ganc", "mu", "sigma"]
        facts = json.loads(str(archive["ganc"]))
    assert sorted(facts) == [
        "checksum",
        *("data_fingerprint", "feature_digest", "feature_set", "format", "image_size", "images", "verified", "version"),
    ]
    again = read_statistics(tmp_path / "s.npz", NETWORK)
    assert (again.features, again.resize) == (None, None)
    named = {name: facts[name] for name in facts if name not in ("format", "version", "verified", "checksum")}
    content = json.dumps(named, sort_keys=True).encode() + older.mu.tobytes() + older.sigma.tobytes()
    assert again.digest == hashlib.sha256(content).hexdigest()


def rewritten(path, change):
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    facts = change(json.loads(str(arrays["ganc"])))
    np.savez(path, **arrays | {"ganc": np.array(json.dumps(facts))})


def test_statistics_of_other_content_than_was_written_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    write_statistics(path, make())
    with np.load(path, allow_pickle=False) as archive:
        arrays = dict(archive)
    np.savez(path, **{name: array for name, array in arrays.items() if name != "features"})
    with pytest.raises(FileFormatError, match="checksum differs"):
        read_statistics(path, NETWORK)
    rewritten(path, lambda facts: {name: fact for name, fact in facts.items() if name != "checksum"})
    assert read_statistics(path, NETWORK).features is None  # as an older ganc wrote them
    write_statistics(path, make())
    rewritten(path, lambda facts: facts | {"images": facts["images"] + 1})
    with pytest.raises(FileFormatError, match="checksum differs"):
        read_statistics(path, NETWORK)


def test_of_many_images_a_fixed_choice_of_features_is_kept():
    features = keyed_generator(0, "many").standard_normal((3000, 8))
    statistics = statistics_of(features, NETWORK, image_size=(64, 48), data_fingerprint="")
    assert (statistics.images, statistics.features.shape) == (3000, (2048, 8))
    np.testing.assert_allclose(statistics.mu, features.mean(axis=0), rtol=1e-12)
    rows = {row.tobytes(): index for index, row in enumerate(features.astype(np.float32))}
    kept = [rows[row.tobytes()] for row in statistics.features]
    assert kept == sorted(set(kept))
    assert max(kept) > 2048
    again = statistics_of(features, NETWORK, image_size=(64, 48), data_fingerprint="")
    assert again.digest == statistics.digest


@pytest.mark.parametrize(
    ("features", "error", "named"),
    [
        (np.zeros((5, 7), np.float32), FileFormatError, r"\(5, 7\).*\(k, 8\)"),
        (np.zeros((1, 8), np.float32), FileFormatError, "at least 2"),
        (np.zeros(8, np.float32), FileFormatError, r"shape \(8,\)"),
        (np.zeros((5, 8), np.int32), FileFormatError, "int32"),
        (np.full((5, 8), np.inf, np.float32), StatisticsError, "not finite"),
    ],
)
def test_features_that_do_not_fit_are_refused(tmp_path, features, error, named):
    write_statistics(tmp_path / "s.npz", make(features=features))
    with pytest.raises(error, match=named):
        read_statistics(tmp_path / "s.npz", NETWORK)


def test_another_feature_set_is_refused_with_both_names(tmp_path):
    write_statistics(tmp_path / "s.npz", make())
    with pytest.raises(StatisticsError, match=r"small.*untrained-conv3-v1"):
        read_statistics(tmp_path / "s.npz", feature_set(UNTRAINED))
    with pytest.raises(StatisticsError, match=r"small.*untrained-conv3-v1"):
        read_statistics(tmp_path / "s.npz", feature_set(UNTRAINED), assume_feature_set=True)
    other = UntrainedFeatures("small", seed=2, channels=(2, 3), scale=1.0, colour_scale=1.0)
    with pytest.raises(StatisticsError, match=f"{NETWORK.digest[:16]}, .*{other.digest[:16]}"):
        read_statistics(tmp_path / "s.npz", other)


def test_a_foreign_file_is_taken_only_when_its_feature_set_is_named(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, mu=make().mu, sigma=make().sigma)
    for named, assumed in ((None, False), (NETWORK, False), (None, True)):
        with pytest.raises(StatisticsError, match="--feature-set"):
            read_statistics(path, named, assume_feature_set=assumed)
    statistics = read_statistics(path, NETWORK, assume_feature_set=True)
    assert (statistics.feature_set, statistics.feature_digest) == ("small", NETWORK.digest)
    assert (statistics.verified, statistics.images, statistics.image_size) == (False, None, None)
    with pytest.raises(StatisticsError, match=r"8 .*untrained-conv3-v1.* 67"):
        read_statistics(path, feature_set(UNTRAINED), assume_feature_set=True)
    write_statistics(tmp_path / "copy.npz", statistics)
    assert not read_statistics(tmp_path / "copy.npz", NETWORK).verified


@pytest.mark.parametrize(
    ("arrays", "named"),
    [
        ({"mu": np.zeros(8)}, "sigma"),
        ({"x": np.zeros(8)}, "mu.*sigma"),
        ({"mu": np.zeros(8), "sigma": np.zeros((8, 7))}, r"sigma \(8, 7\)"),
        ({"mu": np.zeros((8, 1)), "sigma": np.zeros((8, 8))}, r"mu.*\(8, 1\)"),
        ({"mu": np.zeros(8, int), "sigma": np.zeros((8, 8))}, "floats"),
        ({"mu": np.zeros(8), "sigma": np.zeros((8, 8)), "ganc": np.array("?")}, "'ganc'.*JSON"),
        ({"mu": np.zeros(8), "sigma": np.zeros((8, 8)), "ganc": np.arange(3)}, "'ganc'.*text"),
        ({"mu": np.array([{}] * 8), "sigma": np.zeros((8, 8))}, "pickled"),
    ],
)
def test_files_of_another_content_are_refused_in_one_line(tmp_path, arrays, named):
    path = tmp_path / "s.npz"
    np.savez(path, **arrays)
    with pytest.raises(FileFormatError, match=named) as caught:
        read_statistics(path, NETWORK, assume_feature_set=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"format": "ganc-statistics", "version": 2}, "version 2.*version 1"),
        ({"format": "ganc-statistics", "version": 1, "images": 2}, "feature_set, feature_digest"),
        ({"format": "other"}, "other.*ganc-statistics"),
    ],
)
def test_metadata_that_are_not_as_specified_are_refused(tmp_path, facts, named):
    np.savez(tmp_path / "s.npz", mu=make().mu, sigma=make().sigma, ganc=np.array(json.dumps(facts)))
    with pytest.raises(FileFormatError, match=named):
        read_statistics(tmp_path / "s.npz", None)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    np.savez(tmp_path / "s.npz", mu=np.full(8, np.nan), sigma=np.eye(8))
    with pytest.raises(StatisticsError, match="not finite"):
        read_statistics(tmp_path / "s.npz", NETWORK, assume_feature_set=True)
    with pytest.raises(StatisticsError, match="not finite"):
        statistics_of(FEATURES * np.inf, NETWORK, image_size=(8, 8), data_fingerprint="")
    with pytest.raises(StatisticsError, match="at least 2"):
        statistics_of(FEATURES[:1], NETWORK, image_size=(8, 8), data_fingerprint="")


def test_what_is_no_npz_is_refused_wherever_it_is_cut(tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(FileFormatError, match=r"s\.npz"):
        read_statistics(path, NETWORK)
    with pytest.raises(FileFormatError, match="folder"):
        read_statistics(tmp_path, NETWORK)
    write_statistics(path, make())
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 255
    cuts = [whole[:length] for length in range(0, len(whole) - 1, len(whole) // 20)]
    for content in (*cuts, b"text", bytes(flipped)):
        path.write_bytes(content)
        with pytest.raises((FileFormatError, StatisticsError)) as caught:
            read_statistics(path, NETWORK)
        assert "\n" not in str(caught.value)


def test_a_small_file_that_declares_much_takes_no_memory(tmp_path):
    """A compressed covariance of 800 MB in 0.8 MB; declared shapes that are not there."""
    np.savez_compressed(tmp_path / "deflated.npz", mu=np.zeros(10_000), sigma=np.zeros((10_000, 10_000)))
    assert (tmp_path / "deflated.npz").stat().st_size < 1 << 20
    header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 1000000), }"
    with zipfile.ZipFile(tmp_path / "declared.npz", "w") as archive:
        archive.writestr("mu.npy", header.ljust(127) + b"\n" + bytes(80))
        archive.writestr("sigma.npy", header.ljust(127) + b"\n" + bytes(80))
    for name in ("deflated.npz", "declared.npz"):
        tracemalloc.start()
        with pytest.raises(FileFormatError, match=name):
            read_statistics(tmp_path / name, None)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 << 20


def test_compressed_statistics_of_another_program_are_read(tmp_path):
    np.savez_compressed(tmp_path / "s.npz", mu=make().mu, sigma=make().sigma)
    np.testing.assert_array_equal(read_statistics(tmp_path / "s.npz", NETWORK, True).sigma, make().sigma)
