"""The losses that are added by name, against numpy, SciPy and closed forms, and the gradients that pass through."""

import numpy as np
import pytest
from helpers import plain_networks
from helpers.support import random_state
from scipy.ndimage import gaussian_filter

from ganc.base.errors import MissingDependencyError, SpecError
from ganc.base.rng import keyed_generator
from ganc.data import to_uint8
from ganc.metrics.lite0.architecture import depths, network
from ganc.metrics.lite0.network import packaged_network
from ganc.metrics.pretrained.features import NetworkFeatures
from ganc.models.discriminator import Discriminator
from ganc.models.spec import DiscriminatorSpec
from ganc.system.runtime import paddle
from ganc.training.losses.distances import (
    relation_distance,
    relations,
    structural_dissimilarity,
    wavelet_distance,
)
from ganc.training.losses.names import LossName, WeightedLoss, parse_loss
from ganc.training.losses.networks import discriminator_depths, lite0_depths, lite0_planes, relative_distance
from ganc.training.losses.table import LOSSES, Given, added_losses

pytestmark = pytest.mark.paddle26
ONCE = [WeightedLoss(name, 1.0) for name in LossName]


def images(name, shape=(2, 3, 32, 40)):
    return keyed_generator(0, f"distances/{name}").uniform(-1, 1, shape).astype(np.float32)


MADE, WANTED = images("made"), images("wanted")


def value(loss, *arrays):
    return float(loss(*(paddle.to_tensor(array) for array in arrays)))


def given(**values):
    discriminator = Discriminator.from_state(random_state(DiscriminatorSpec(width=4), 2))
    return Given(**{"channels": 3, "smallest_side": 32, "discriminator": discriminator} | values)


@pytest.fixture(scope="module")
def all_losses():
    """Every loss of the table, by name."""
    try:
        return {one.name: one.distance for one in added_losses(ONCE, given())}
    except MissingDependencyError as error:
        pytest.skip(str(error))


def test_the_table_has_every_name_and_no_other():
    assert set(LOSSES) == set(LossName)


@pytest.mark.parametrize("name", [one.value for one in LossName])
def test_a_loss_is_0_on_equal_images_grows_with_noise_and_has_gradients(all_losses, name):
    distance = all_losses[name]

    def loss(made):
        return distance.compare(distance.describe(made), distance.describe(paddle.to_tensor(WANTED)))

    values = [float(loss(paddle.to_tensor(WANTED + noise * MADE))) for noise in (0.0, 0.02, 0.1)]
    assert values[0] == pytest.approx(0, abs=2e-6)
    assert 1e-6 < values[1] < values[2]
    made = paddle.to_tensor(MADE, stop_gradient=False)
    loss(made).backward()
    gradient = made.grad.numpy()
    assert np.isfinite(gradient).all()
    # Along the gradient the loss changes as its length says: central differences.
    length = float(np.linalg.norm(gradient))
    step = 1e-2 * gradient / length
    slope = (float(loss(paddle.to_tensor(MADE + step))) - float(loss(paddle.to_tensor(MADE - step)))) / 2e-2
    assert slope == pytest.approx(length, rel=0.05)


@pytest.mark.parametrize("name", [one.value for one in LossName])
def test_flat_images_have_finite_gradients(all_losses, name):
    distance = all_losses[name]
    made = paddle.zeros([1, 3, 32, 32])
    made.stop_gradient = False
    wanted = paddle.to_tensor(images("other", (1, 3, 32, 32)))
    distance.compare(distance.describe(made), distance.describe(wanted)).backward()
    assert np.isfinite(made.grad.numpy()).all()


def similarity(one, other):
    """Return the SSIM of images (n, c, h, w) of values from 0 to 255: Wang et al., equation 13, by SciPy's filter."""

    def local(image):  # 11 pixels: truncated at 3.5 sigma, and only windows within the image
        return gaussian_filter(image, 1.5, truncate=3.5, axes=(2, 3))[:, :, 5:-5, 5:-5]

    x, y = np.float64(one), np.float64(other)
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = local(x * y) - local(x) * local(y)
    variances = local(x * x) - local(x) ** 2 + local(y * y) - local(y) ** 2
    top = (2 * local(x) * local(y) + c1) * (2 * covariance + c2)
    bottom = (local(x) ** 2 + local(y) ** 2 + c1) * (variances + c2)
    return (top / bottom).mean()


def eight_bit(name, level, noise):
    values = keyed_generator(0, f"eight-bit/{name}").normal(level, noise, (2, 3, 64, 64))
    return values.round().clip(0, 255)


@pytest.mark.parametrize("level", [0, 20, 64, 127.5, 200, 255])
@pytest.mark.parametrize("noise", [0.5, 2.5, 40])
@pytest.mark.parametrize("brighter", [0, 3, 60])
def test_ssim_is_that_of_8_bit_images_by_scipy_s_gaussian_filter(level, noise, brighter):
    one = eight_bit("one", level, noise)
    other = (one + brighter + eight_bit("other", 0, noise)).clip(0, 255)
    found = value(structural_dissimilarity, *(np.float32(image / 127.5 - 1) for image in (one, other)))
    assert found == pytest.approx(1 - similarity(one, other), rel=1e-3, abs=7e-5)  # squares lose 4 * 2^-24 of C2


def test_ssim_of_noise_is_that_of_scipy_s_gaussian_filter():
    expected = 1 - similarity(*((image + 1) * 127.5 for image in (np.float64(MADE), np.float64(WANTED))))
    assert value(structural_dissimilarity, MADE, WANTED) == pytest.approx(expected, rel=1e-4)


def test_a_little_more_light_is_hardly_seen_by_ssim_at_mid_grey():
    grey = 0.02 * keyed_generator(0, "grey").normal(size=(1, 3, 64, 64)).astype(np.float32)
    assert value(structural_dissimilarity, grey, grey + 0.02) == pytest.approx(0.02**2 / (1 + 1.02**2), abs=2e-5)


@pytest.mark.parametrize("levels", [(191.25, 95.625), (127.5, 130), (127.5, 0), (0, 1), (255, 0), (128, 128)])
def test_ssim_of_flat_images_is_their_luminance_alone(levels):
    one, other = levels
    flat = [np.full((1, 1, 16, 16), level / 127.5 - 1, np.float32) for level in levels]
    expected = 1 - (2 * one * other + 2.55**2) / (one**2 + other**2 + 2.55**2)
    assert value(structural_dissimilarity, *flat) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def haar_by_hand(image):
    """Return the low band and the three high ones of an image (h, w), block by block."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    bands = np.zeros((4, height, width))
    for row in range(height):
        for column in range(width):
            (a, b), (c, d) = image[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            bands[:, row, column] = (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2
    return bands[0], bands[1:]


@pytest.mark.parametrize("size", [(32, 40), (27, 20)])
def test_the_wavelet_distance_is_that_of_the_high_bands(size):
    made, wanted = (images(name, (2, 3, *size)) for name in ("made", "wanted"))
    levels = [[], [], []]
    for image, other in zip(made.reshape(-1, *size), wanted.reshape(-1, *size), strict=True):
        for level in levels:
            (image, high), (other, other_high) = haar_by_hand(image), haar_by_hand(other)
            level.append(np.abs(high - other_high).mean())
    assert value(wavelet_distance, made, wanted) == pytest.approx(sum(np.mean(one) for one in levels), rel=1e-5)


def test_the_wavelet_distance_does_not_see_brightness():
    assert value(wavelet_distance, WANTED + 0.25, WANTED) == pytest.approx(0, abs=1e-6)


def relations_by_hand(parts):
    """Return normalised distances and cosines of parts (k, values), one by one."""
    count = len(parts)
    apart = np.array([[np.linalg.norm(one - other) for other in parts] for one in parts])
    angles = np.zeros((count, count, count))
    for j in range(count):
        for i in range(count):
            for k in range(count):
                if i != j and k != j:
                    angles[j, i, k] = (parts[i] - parts[j]) @ (parts[k] - parts[j]) / (apart[i, j] * apart[k, j])
    return apart / apart[~np.eye(count, dtype=bool)].mean(), angles


def parts_by_hand(image):
    """Return strips of rows, strips of columns and the patches of an image (c, 32, 40)."""
    rows = [image[:, row].ravel() for row in range(32)]
    columns = [image[:, :, column].ravel() for column in range(32)]  # 40 / 32: the last 8 are left over
    patches = [image[:, 4 * i : 4 * i + 4, 5 * j : 5 * j + 5].ravel() for i in range(8) for j in range(8)]
    return rows, columns, patches


def test_relations_are_those_of_strips_and_patches():
    found = relations(paddle.to_tensor(MADE))
    for number, image in enumerate(np.float64(MADE)):
        for (distances, angles), parts in zip(found, parts_by_hand(image), strict=True):
            expected, expected_angles = relations_by_hand(parts)
            np.testing.assert_allclose(distances.numpy()[number], expected, atol=1e-4)
            np.testing.assert_allclose(angles.numpy()[number], expected_angles, atol=1e-4)


def test_the_relation_distance_is_the_huber_loss_of_both():
    def huber(one, other):
        error = np.abs(one - other)
        return np.where(error < 1, 0.5 * error**2, error - 0.5).mean()

    ours, theirs = ([relations_by_hand(parts) for parts in parts_by_hand(np.float64(one[0]))] for one in (MADE, WANTED))
    expected = sum(huber(a[0], b[0]) + 2 * huber(a[1], b[1]) for a, b in zip(ours, theirs, strict=True))
    found = [relations(paddle.to_tensor(one[:1])) for one in (MADE, WANTED)]
    assert float(relation_distance(*found)) == pytest.approx(expected, rel=1e-3)


def test_relations_do_not_see_brightness_or_contrast():
    changed, plain = (relations(paddle.to_tensor(one)) for one in (0.5 * WANTED + 0.25, WANTED))
    assert float(relation_distance(changed, plain)) == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def lite0():
    try:
        return lite0_depths()
    except MissingDependencyError as error:
        pytest.skip(str(error))


def test_lite0_s_depths_are_the_network_in_front_of_its_head():
    assert sum(depths(), ()) == network()[:-3]


def test_lite0_s_depths_halve_and_end_in_what_the_metric_sees(lite0):
    eight_bit = to_uint8(images("bytes", (2, 3, 224, 224)))
    planes = np.float32(eight_bit).transpose(0, 3, 1, 2)
    found = lite0(lite0_planes(paddle.to_tensor((planes / 127.5) - 1)))
    assert [(one.shape[1], one.shape[2]) for one in found] == [(16, 112), (24, 56), (40, 28), (112, 14), (320, 7)]
    state = packaged_network().state
    head = plain_networks.convolution(found[-1].numpy(), state.tensors, "_conv_head")
    expected = NetworkFeatures(packaged_network(), "paddle")(eight_bit)
    np.testing.assert_allclose(np.clip(head, 0, 6).mean((2, 3)), expected, rtol=1e-3, atol=1e-4)


def test_lite0_s_depths_are_those_of_the_public_implementation(lite0):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    public = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")
    from ganc.metrics.lite0.weights import packaged_file

    reference = public.EfficientNet.from_name("efficientnet-lite0").eval()
    reference.load_state_dict(torch.load(packaged_file(), weights_only=True))
    batch = images("public", (2, 3, 224, 224))
    found = lite0(lite0_planes(paddle.to_tensor(batch)))
    with torch.no_grad():
        x = (torch.from_numpy(batch) * 127.5 + 0.5) / 128
        x = torch.nn.functional.relu6(reference._bn0(reference._conv_stem(x)))
        expected = []
        for number, block in enumerate(reference._blocks):
            x = block(x)
            if number in (0, 2, 4, 10, 15):
                expected.append(x.numpy())
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3 * np.abs(theirs).max())


def test_the_relative_distance_is_a_mean_over_depths():
    made, wanted = ([paddle.full([1, 2, 2, 2], level) for level in levels] for levels in ((3.0, 10.0), (2.0, 40.0)))
    assert float(relative_distance(made, wanted)) == pytest.approx((0.5 + 0.75) / 2)


def test_a_grey_image_is_seen_as_its_three_equal_channels():
    grey = paddle.to_tensor(MADE[:, :1])
    np.testing.assert_array_equal(lite0_planes(grey).numpy(), lite0_planes(paddle.concat([grey] * 3, axis=1)).numpy())


def test_the_discriminator_s_depths_are_its_activations():
    state = random_state(DiscriminatorSpec(width=4), 3)
    found = discriminator_depths(Discriminator.from_state(state))(paddle.to_tensor(MADE))
    x, expected = np.float64(MADE), []
    for layer, stride in enumerate((2, 2, 2, 1)):
        x = plain_networks.convolution(x, state.tensors, f"convs.{layer}", stride, 1)
        x = plain_networks.instance_norm(x) if layer else x
        x = np.where(x < 0, 0.2 * x, x)
        expected.append(x)
    assert len(found) == 4
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3, atol=1e-3)


def test_the_discriminator_s_distance_sums_the_l1_distances_of_its_depths():
    judge = Discriminator.from_state(random_state(DiscriminatorSpec(width=4), 3))
    (one,) = added_losses([WeightedLoss(LossName.DCD, 2.0)], given(discriminator=judge))
    made, wanted = (discriminator_depths(judge)(paddle.to_tensor(x)) for x in (MADE, WANTED))
    expected = sum(np.abs(a.numpy() - b.numpy()).mean() for a, b in zip(made, wanted, strict=True))
    described = [one.distance.describe(paddle.to_tensor(x)) for x in (MADE, WANTED)]
    assert float(one.distance.compare(*described)) == pytest.approx(expected, rel=1e-5)
    assert (one.name, one.weight) == ("dcd", 2.0)


@pytest.mark.parametrize("name", LossName)
def test_images_that_are_too_small_are_refused_with_the_loss(name):
    with pytest.raises(SpecError, match=rf"--crop-size 4: --loss {name.value}"):
        added_losses([WeightedLoss(name, 1.0)], given(smallest_side=4))


@pytest.mark.parametrize("judge", [None, Discriminator(DiscriminatorSpec(width=4, in_channels=6))])
def test_a_teacher_without_a_fitting_discriminator_is_refused(judge):
    with pytest.raises(SpecError, match="dcd"):
        added_losses([WeightedLoss(LossName.DCD, 1.0)], given(discriminator=judge))


def test_lite0_takes_colour_and_grey_alone():
    with pytest.raises(SpecError, match=r"lite0.* 2 channels"):
        added_losses([WeightedLoss(LossName.LITE0, 1.0)], given(channels=2))


@pytest.mark.parametrize("text", ["ssim=0.5", "wavelet=2", "crd=1e-3"])
def test_a_loss_is_read_from_its_name_and_weight(text):
    name, _, weight = text.partition("=")
    assert parse_loss(text) == WeightedLoss(LossName(name), float(weight))


@pytest.mark.parametrize("text", ["l2=1", "ssim", "ssim=", "ssim=0", "ssim=-1", "ssim=nan", "=1", "SSIM=1", ""])
def test_what_is_no_loss_is_refused(text):
    with pytest.raises(SpecError):
        parse_loss(text)
