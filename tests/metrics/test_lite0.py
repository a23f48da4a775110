"""EfficientNet-Lite0: equal to the public PyTorch implementation, resized as Pillow does; what is refused."""

import importlib.metadata
from pathlib import Path

import numpy as np
import pytest
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, fail, run_command, succeed
from PIL import Image

from ganc.base.errors import FileFormatError, MissingDependencyError
from ganc.base.extras import install_command
from ganc.base.rng import keyed_generator
from ganc.data import load_rgb
from ganc.metrics import feature_set, features, read_statistics
from ganc.metrics.lite0 import weights as lite0_weights
from ganc.metrics.lite0.network import NAME, packaged_network
from ganc.metrics.lite0.weights import PACKAGE, packaged_file, read_public_file
from ganc.metrics.pretrained.features import NetworkFeatures, engines
from ganc.metrics.pretrained.resize import bicubic

HORSES = Path(__file__).parents[3] / "shared" / "data" / "horse2zebra" / "testA"


@pytest.fixture(scope="module")
def network():
    try:
        return packaged_network()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def images():
    """Eight images of 256x256: real horses where they are at hand, else noise of several scales."""
    if HORSES.is_dir():
        return np.stack([load_rgb(path) for path in sorted(HORSES.glob("*.jpg"))[:8]])
    draws = keyed_generator(0, "lite0 images")
    coarse = draws.integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
    return np.repeat(np.repeat(coarse, 16, axis=1), 16, axis=2)


def test_features_equal_the_public_implementation(network, images):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    public = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    reference = public.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(torch.load(packaged_file(), weights_only=True))
    planes = torch.from_numpy((network.planes(images) / 128).astype(np.float32))  # planes are less 127 already
    with torch.no_grad():
        expected = reference.extract_features(planes).mean((2, 3)).numpy()
    found = NetworkFeatures(network, engines()[0])(images)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())


@pytest.mark.parametrize("size", [(256, 256), (128, 128), (300, 170), (64, 96), (224, 224)])
def test_images_are_resized_as_pillow_resizes_floats(network, size):
    image = keyed_generator(0, "lite0 resize").integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    planes = [Image.fromarray(image[..., channel].astype(np.float32)) for channel in range(3)]
    expected = np.stack([np.asarray(plane.resize((224, 224), Image.Resampling.BICUBIC)) for plane in planes])
    np.testing.assert_allclose(network.planes(image[None])[0] + 127, expected, atol=2e-3)


def test_a_line_that_keeps_its_length_keeps_its_numbers():
    np.testing.assert_array_equal(bicubic(224, 224), np.eye(224, dtype=np.float32))
    np.testing.assert_allclose(bicubic(37, 224).sum(axis=1), 1, rtol=1e-6)


def test_all_engines_agree(network, images):
    expected = NetworkFeatures(network, "paddle")(images[:2])
    for engine in engines():
        found = NetworkFeatures(network, engine)(images[:2])
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_the_feature_set_has_its_own_name_and_digest(network):
    chosen = feature_set(NAME)
    assert (chosen.name, chosen.dimensions) == (NAME, 1280)
    assert chosen.digest == network.digest
    assert len({feature_set(name).digest for name in (NAME, "untrained-conv3-v1")}) == 2


def test_it_is_the_default_and_statistics_name_it(network, tiny_data, tmp_path):
    succeed("ganc", "stats", "--data", tiny_data, "--size", SIZE, "-o", tmp_path / "real.npz")
    statistics = read_statistics(tmp_path / "real.npz", None)
    assert (statistics.feature_set, statistics.feature_digest) == (NAME, network.digest)


def test_where_it_is_not_installed_the_untrained_set_is_used_and_one_line_says_so(tiny_data, tmp_path):
    stats = ("ganc", "stats", "--data", tiny_data, "--size", SIZE, "-o", tmp_path / "real.npz")
    done = run_command(*stats, absent=(PACKAGE.replace("-", "_"),))
    assert done.returncode == 0, done.stderr
    assert read_statistics(tmp_path / "real.npz", None).feature_set == UNTRAINED
    (line,) = done.stderr.decode().splitlines()
    assert "ganc-common[lite0]" in line
    assert UNTRAINED in line
    named = run_command(*stats, *UNTRAINED_SET, absent=(PACKAGE.replace("-", "_"),))
    assert (named.returncode, named.stderr) == (0, b"")


def test_statistics_made_with_it_say_so_where_it_is_not_installed(tiny_data, tmp_path):
    stats = tmp_path / "real.npz"
    succeed("ganc", "stats", "--data", tiny_data, "--size", SIZE, "-o", stats)
    done = run_command("ganc", "evaluate", tiny_data / "testA", stats, absent=(PACKAGE.replace("-", "_"),))
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line == f"Error: {stats}: was made with {NAME}, and {PACKAGE} is not installed: {install_command('lite0')}"


def test_weights_of_another_digest_are_refused_by_the_command(monkeypatch, tiny_data, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"something else")
    monkeypatch.setattr(lite0_weights, "packaged_file", lambda: tmp_path / "weights.pth")
    features._lite0.cache_clear()
    said = fail("ganc", "stats", "--data", tiny_data, "--size", SIZE, "-o", tmp_path / "real.npz")
    assert "weights.pth" in said
    assert "sha256" in said


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    with pytest.raises(FileFormatError, match="sha256"):
        read_public_file(path)
    with pytest.raises(FileFormatError, match=r"gone\.pth"):
        read_public_file(tmp_path / "gone.pth")


def test_without_the_package_the_extra_is_named(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(lite0_weights.importlib.metadata, "files", absent)
    with pytest.raises(MissingDependencyError, match=r"ganc-common\[lite0\]") as refused:
        packaged_file()
    assert PACKAGE in str(refused.value)
