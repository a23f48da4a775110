"""Inception-v3, FID variant: equal to PyTorch's FID on every engine; its file; what is refused."""

import functools
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganc.base.errors import FileFormatError, SpecError, StatisticsError
from ganc.base.rng import keyed_generator
from ganc.files.tensors import read_header, write_tensors
from ganc.metrics import feature_set, frechet_distance, frechet_distance_from_features, read_statistics
from ganc.metrics.inception.architecture import InceptionSpec
from ganc.metrics.inception.network import clean_network, inception_network
from ganc.metrics.inception.weights import (
    InceptionWeights,
    find_weights,
    read_weights,
    weights_from,
    write_weights,
)
from ganc.metrics.pretrained.features import NetworkFeatures, engines
from ganc.metrics.pretrained.resize import bilinear
from ganc.toolbox.main import main

NAME = "inception-v3-fid"


def random_tensors(seed=0):
    """Tensors under which activations keep their size, with batch norms that do something."""
    tensors = {}
    for index, layer in enumerate(InceptionSpec().convolutions()):
        draws = keyed_generator(seed, "inception", index)
        shape = (layer.out_channels, layer.in_channels, *layer.kernel)
        kernel = draws.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        count = layer.out_channels
        tensors[f"{layer.name}.conv.weight"] = kernel
        tensors[f"{layer.name}.bn.weight"] = draws.uniform(0.8, 1.2, count).astype(np.float32)
        tensors[f"{layer.name}.bn.bias"] = draws.normal(0, 0.1, count).astype(np.float32)
        tensors[f"{layer.name}.bn.running_mean"] = draws.normal(0, 0.1, count).astype(np.float32)
        tensors[f"{layer.name}.bn.running_var"] = draws.uniform(0.5, 1.5, count).astype(np.float32)
    return tensors


def random_images(count, width, height, seed=0):
    """Images with structure at several scales, so that features differ from image to image."""
    draws = keyed_generator(seed, "inception pictures")
    image = draws.integers(0, 256, (count, height, width, 3)) * 0.3
    for cells in (2, 8, 32):
        coarse = draws.uniform(0, 255, (count, cells, cells, 3))
        rows, columns = (np.arange(side) * cells // side for side in (height, width))
        image += coarse[:, rows][:, :, columns] * 0.25
    return image.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def weights():
    return InceptionWeights(random_tensors())


@pytest.fixture(scope="module")
def computed_by(weights):
    """The feature set on an engine; each prepares its form of the network once."""
    return functools.cache(lambda engine: NetworkFeatures(inception_network(weights), engine))


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    """The public PyTorch network with the random weights, pytorch-fid's distance, and the weights' file."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("pytorch_fid", reason="pytorch-fid is not installed")
    from shared.inception_blocks import import_pytorch_fid

    inception, score = import_pytorch_fid()
    state = {name: torch.from_numpy(array) for name, array in random_tensors().items()}
    state |= {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    path = tmp_path_factory.mktemp("public") / "pt_inception.pth"
    torch.save(state, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: torch.load(path))
        model = inception.InceptionV3([3]).eval()

    def features(images):
        with torch.no_grad():
            planes = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
            return model(planes)[0][:, :, 0, 0].numpy()

    return features, score.calculate_frechet_distance, path


@pytest.fixture(scope="module")
def imported(public, tmp_path_factory):
    """The weights' file as `ganc import inception` writes it."""
    path = tmp_path_factory.mktemp("imported") / "fid.safetensors"
    run = CliRunner().invoke(main, ["import", "inception", str(public[2]), "-o", str(path)])
    assert run.exit_code == 0, run.output
    return path


@pytest.mark.parametrize("engine", engines())
def test_features_equal_pytorchs_on_every_engine(public, imported, computed_by, engine):
    network = computed_by(engine)
    assert network.digest == read_weights(imported).digest
    for size in ((256, 256), (384, 200)):
        images = random_images(2, *size)
        expected = public[0](images)
        assert np.median(expected.std(axis=0)) > 1e-3 * np.abs(expected).mean()  # they tell the images apart
        features = network(images)
        assert features.shape == (2, 2048)
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).mean())


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")  # scipy's, of pytorch-fid's call
def test_the_distance_equals_pytorchs(public, imported):
    """On the liveliest dimensions: scipy needs half a minute for all (benchmarks/metric.py compares those)."""
    network = feature_set(str(imported))
    images = random_images(6, 96, 128, seed=1), random_images(6, 96, 128, seed=2) // 2
    theirs, ours = ([f(part).astype(np.float64) for part in images] for f in (public[0], network))
    few = np.argsort(np.prod([part.std(axis=0) for part in theirs], axis=0))[-4:]
    theirs, ours = ([part[:, few] for part in parts] for parts in (theirs, ours))
    expected = public[1](*gaussian(theirs[0]), *gaussian(theirs[1]))
    assert frechet_distance(*gaussian(ours[0]), *gaussian(ours[1])) == pytest.approx(expected, rel=1e-3)
    assert frechet_distance_from_features(ours[0], *gaussian(ours[1])) == pytest.approx(expected, rel=1e-3)


def gaussian(features):
    return features.mean(axis=0), np.cov(features, rowvar=False)


@pytest.mark.parametrize("side", [1, 17, 128, 256, 299, 600])
def test_resizing_equals_pytorchs(side, weights):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    images = random_images(2, side, 32 + side)
    planes = torch.from_numpy(images).permute(0, 3, 1, 2).double() / 255
    expected = torch.nn.functional.interpolate(planes, size=(299, 299), mode="bilinear", align_corners=False)
    np.testing.assert_allclose(inception_network(weights).planes(images) / 255, expected.numpy(), atol=1e-6)


def clean_planes(images):
    """clean-fid's: Pillow's antialiased bicubic filter on each channel as floats, clipped; (n, 3, 299, 299)."""

    def resized(plane):
        small = Image.fromarray(plane.astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
        return np.asarray(small).clip(0, 255)

    return np.stack([[resized(image[..., channel]) for channel in range(3)] for image in images])


@pytest.mark.parametrize("size", [(256, 256), (600, 320), (299, 299), (100, 340)])
def test_the_clean_set_resizes_as_clean_fid_does(size, weights):
    images = random_images(2, *size)
    np.testing.assert_allclose(clean_network(weights).planes(images), clean_planes(images), atol=4e-3)


@pytest.mark.parametrize("engine", engines())
def test_the_clean_set_is_pytorchs_network_behind_clean_fids_preprocessing(public, weights, engine):
    images = random_images(2, 256, 200)
    network = NetworkFeatures(clean_network(weights), engine)
    # The network takes 2p - 1 and clean-fid gives it (x - 128) / 128, so p is x / 256; `public` divides by 255.
    expected = public[0](np.ascontiguousarray((clean_planes(images) * (255 / 256)).transpose(0, 2, 3, 1)))
    np.testing.assert_allclose(network(images), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).mean())


def test_the_clean_set_has_its_own_name_and_digest(weights, monkeypatch, tmp_path):
    monkeypatch.setenv("GANC_INCEPTION", str(tmp_path / "w.safetensors"))
    with pytest.raises(StatisticsError, match="ganc import inception"):
        feature_set("inception-v3-clean")
    write_weights(tmp_path / "w.safetensors", weights)
    clean, plain = feature_set("inception-v3-clean"), feature_set(NAME)
    assert (clean.name, clean.dimensions) == ("inception-v3-clean", 2048)
    assert clean.digest != plain.digest


def test_resizing_has_a_closed_form():
    np.testing.assert_allclose(bilinear(256, 299).sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(bilinear(299, 299), np.eye(299, dtype=np.float32))
    line = bilinear(598, 299) @ np.arange(598)  # every second pixel pair's mean
    np.testing.assert_allclose(line, 2 * np.arange(299) + 0.5, rtol=1e-6)
    ends = bilinear(2, 299) @ np.array([0.0, 1.0])  # the quarters outside the outer centres repeat the edge
    assert ends[:74].max() == 0
    assert ends[225:].min() == 1


@pytest.mark.paddle26
def test_all_engines_agree(weights, computed_by):
    images = random_images(2, 40, 30)
    expected = computed_by("paddle")(images)
    assert (
        NetworkFeatures(inception_network(weights)).engine == engines()[0]
    )  # the first is the fastest; no GPU is selected here
    for engine in engines():
        features = computed_by(engine)(images)
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).mean())


def test_features_do_not_depend_on_the_batch(computed_by):
    network = computed_by(engines()[0])
    images = random_images(7, 40, 30)
    whole = network(images)
    for size in (1, 3):
        parts = np.concatenate([network(images[i : i + size]) for i in range(0, 7, size)])
        np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5 * np.abs(whole).mean())


def test_the_file_holds_the_networks_tensors_and_gives_equal_bytes(weights, imported, tmp_path):
    again = read_weights(imported)
    assert again.digest == weights.digest
    for name, array in weights.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], array)
    write_weights(tmp_path / "w.safetensors", weights)
    assert (tmp_path / "w.safetensors").read_bytes() == imported.read_bytes()
    header = read_header(imported, "ganc-inception", 2)
    assert header == {"format": "ganc-inception", "version": 2, "feature_set": NAME}


def test_the_digest_covers_the_weights(weights):
    name = "Mixed_7c.branch_pool.bn.running_mean"
    other = InceptionWeights({**weights.tensors, name: weights.tensors[name] + np.float32(1e-3)})
    assert other.digest != weights.digest


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda t: t.pop("Mixed_5b.branch1x1.bn.running_mean"), "Mixed_5b.branch1x1.bn.running_mean"),
        (
            lambda t: t.update({"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 5, 5), np.float32)}),
            r"Conv2d_1a_3x3.conv.weight.*\(32, 3, 5, 5\)",
        ),
        (
            lambda t: t.update({"Mixed_7c.branch1x1.bn.bias": np.full(320, np.nan, np.float32)}),
            "Mixed_7c.branch1x1.bn.bias",
        ),
        (
            lambda t: t.update({"Mixed_7c.branch1x1.bn.running_var": np.full(320, -1, np.float32)}),
            "Mixed_7c.branch1x1.bn.running_var",
        ),
    ],
)
def test_weights_of_another_network_are_refused_by_their_first_tensor(weights, change, named):
    tensors = dict(weights.tensors)
    change(tensors)
    with pytest.raises(FileFormatError, match=f"^here: .*{named}"):
        weights_from(tensors, "here")


def test_files_that_are_something_else_are_refused(tmp_path, weights):
    path = tmp_path / "w.safetensors"
    with pytest.raises(StatisticsError, match=r"w\.safetensors.*ganc import inception"):
        feature_set(str(path))
    path.write_bytes(b"PK")
    with pytest.raises(FileFormatError, match="ganc-inception"):
        feature_set(str(path))
    write_tensors(path, {"format": "ganc-inception", "version": 3}, {})
    with pytest.raises(FileFormatError, match="version 3"):
        find_weights(path)
    with pytest.raises(SpecError, match=r"'cuda'.*paddle"):
        NetworkFeatures(inception_network(weights), "cuda")


def test_the_feature_set_is_found_in_the_cache_and_where_the_environment_says(weights, monkeypatch, tmp_path):
    monkeypatch.delenv("GANC_INCEPTION", raising=False)
    monkeypatch.setenv("GANC_CACHE", str(tmp_path / "cache"))
    with pytest.raises(StatisticsError, match=r"cache/inception-v3-fid\.safetensors"):
        feature_set(NAME)
    default = feature_set().name
    write_weights(tmp_path / "cache" / "inception-v3-fid.safetensors", weights)
    found = feature_set(NAME)
    assert (found.name, found.digest, found.dimensions) == (NAME, weights.digest, 2048)
    assert feature_set().name == default != NAME
    monkeypatch.setenv("GANC_INCEPTION", str(tmp_path / "elsewhere.safetensors"))
    with pytest.raises(StatisticsError, match=r"elsewhere\.safetensors"):
        feature_set(NAME)


def test_from_the_public_file_to_an_evaluation(public, weights, tiny_data, teacher_file, monkeypatch, tmp_path):
    """Imported to the default place; statistics of it serve evaluate without naming it; other weights are refused."""
    file = tmp_path / "fid.safetensors"
    monkeypatch.setenv("GANC_INCEPTION", str(file))

    def run(*arguments, status=0):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == status, done.output
        return done.output

    assert str(file) in run("import", "inception", public[2])
    told = json.loads(run("inspect", file, "--json"))
    assert (told["feature_set"], told["digest"]) == (NAME, weights.digest)
    stats = tmp_path / "real.npz"
    run("stats", "--data", tiny_data, "--size", "32", "--feature-set", NAME, "-o", stats)
    assert read_statistics(stats, None).feature_digest == weights.digest
    evaluation = ("evaluate", teacher_file, "--data", tiny_data, "--stats", stats)
    (row,) = json.loads(run(*evaluation, "--json"))
    assert (row["metric"], row["feature_digest"], row["images"]) == (NAME, weights.digest, 4)
    assert row["value"] > 0
    assert row["kernel_error"] > 0
    assert row["statistics"] == read_statistics(stats, None).digest
    assert "bicubic" in row["resize"]

    foreign = tmp_path / "foreign.npz"
    statistics = read_statistics(stats, None)
    np.savez(foreign, mu=statistics.mu, sigma=statistics.sigma)
    unnamed = ("evaluate", teacher_file, "--data", tiny_data, "--stats", foreign)
    assert "--feature-set" in run(*unnamed, status=1)
    (taken,) = json.loads(run(*unnamed, "--feature-set", NAME, "--json"))
    assert taken["value"] == pytest.approx(row["value"], rel=1e-4)
    assert (taken["kernel"], taken["verified"]) == (None, False)

    write_weights(file, InceptionWeights(random_tensors(seed=1)))
    assert "its weights differ" in run(*evaluation, status=1)
    file.unlink()
    assert "ganc import inception" in run(*evaluation, status=1)


def test_in_bf16_it_is_a_feature_set_of_its_own(weights, computed_by):
    """Nearly the same numbers, under another name and digest, so that they never meet."""
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this processor has no bf16 instructions")
    images = keyed_generator(0, "bf16").integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    exact, rough = computed_by("openvino"), NetworkFeatures(inception_network(weights), precision="bf16")
    assert (rough.name, rough.engine) == ("inception-v3-fid-bf16", "openvino")
    assert rough.digest != exact.digest
    one, other = exact(images), rough(images)
    assert 0 < np.abs(other - one).mean() < 0.05 * one.std()
