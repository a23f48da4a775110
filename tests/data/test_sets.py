"""Training and evaluation sets and the loader: what a sample is, and that nothing but its keys decides it."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganc.base.errors import DataError
from ganc.data import (
    EvaluationSet,
    ImageList,
    TrainingSet,
    UnpairedSet,
    batches,
    load_rgb,
    read_images,
    resize,
    steps_per_epoch,
    to_float,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "horse2zebra"
real_images = pytest.mark.skipif(not REAL.is_dir(), reason="needs the images of ../shared/data/horse2zebra")
LARGE = 10**9


@pytest.fixture
def root(tmp_path):
    """Five images of A, with red = 10 i, and three of B, with red = 100 + 10 i; each one colour; some very small."""
    for folder, count, first in (("trainA", 5, 0), ("trainB", 3, 100)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            image = np.full((6 + 3 * number, 20 - number, 3), 7, dtype=np.uint8)
            image[..., 0] = first + 10 * number
            Image.fromarray(image).save(tmp_path / folder / f"{number}.png")
    return tmp_path


@pytest.fixture
def detailed(tmp_path):
    """A root with two noisy images a domain, in which every crop differs."""
    rng = np.random.default_rng(0)
    for folder in ("trainA", "trainB"):
        (tmp_path / folder).mkdir()
        for number in range(2):
            noise = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(noise).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def unpaired(root: Path, **changes) -> UnpairedSet:
    options = {"load_size": (20, 16), "crop_size": (16, 12), "seed": 3, "cache_bytes": LARGE} | changes
    return UnpairedSet(read_images(root, "trainA"), read_images(root, "trainB"), **options)


def which(sample: np.ndarray) -> int:
    """Return the number of the one-coloured image that a sample shows."""
    return round(float((sample[0].mean() + 1) * 127.5) / 10) % 10


def everything(dataset: TrainingSet, batch_size: int, first: int, last: int, workers: int, **ranks) -> list:
    return list(batches(dataset, batch_size, first, last, workers, **ranks))


def assert_equal_batches(one: list, other: list) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(left, right, strict=True))


def test_a_sample_has_the_stated_form(root):
    source, target = unpaired(root).sample(0, 0)
    for image in (source, target):
        assert image.shape == (3, 12, 16)
        assert image.dtype == np.float32
        assert np.abs(image).max() <= 1


def test_an_epoch_visits_every_image_of_a_in_a_new_order(root):
    dataset = unpaired(root)
    orders = [[which(dataset.sample(epoch, index)[0]) for index in range(5)] for epoch in range(8)]
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    assert len({tuple(order) for order in orders}) > 4
    in_order = unpaired(root, shuffle=False)
    assert [which(in_order.sample(4, index)[0]) for index in range(5)] == [0, 1, 2, 3, 4]


def test_targets_are_drawn_at_random_from_all_of_b(root):
    dataset = unpaired(root)
    drawn = [which(dataset.sample(epoch, index)[1]) for epoch in range(60) for index in range(5)]
    counts = np.bincount(drawn, minlength=3)
    assert len(counts) == 3
    assert counts.min() > 70  # 100 expected, standard deviation 8
    pairs = {(which(source), which(target)) for e in range(60) for source, target in [dataset.sample(e, 0)]}
    assert len(pairs) == 15


def test_the_epoch_is_as_long_as_the_larger_domain(root):
    a, b = read_images(root, "trainA"), read_images(root, "trainB")
    dataset = UnpairedSet(b, a, load_size=(16, 16), crop_size=(16, 16), seed=0, cache_bytes=0)
    assert len(dataset) == 5
    visits = [which(dataset.sample(0, index)[0]) for index in range(5)]
    assert sorted(visits[:3]) == [0, 1, 2]
    assert visits[3:] == visits[:2]
    with pytest.raises(IndexError, match="index"):
        dataset.sample(0, 5)


def test_samples_are_crops_of_the_resized_image_mirrored_or_not(detailed):
    dataset = unpaired(detailed, shuffle=False)
    whole = to_float(resize(load_rgb(detailed / "trainA" / "0.png"), (20, 16)))
    found = set()
    for epoch in range(150):
        sample = dataset.sample(epoch, 0)[0]
        places = [
            (top, left, mirrored)
            for top in range(5)
            for left in range(5)
            for mirrored, view in ((False, sample), (True, sample[..., ::-1]))
            if np.array_equal(whole[:, top : top + 12, left : left + 16], view)
        ]
        assert len(places) == 1
        found.add(places[0])
    assert {place[0] for place in found} == set(range(5))
    assert {place[1] for place in found} == set(range(5))
    assert 40 < len(found) <= 50
    plain = unpaired(detailed, shuffle=False, flip=False, load_size=(16, 12))
    whole = to_float(resize(load_rgb(detailed / "trainA" / "0.png"), (16, 12)))
    assert all(np.array_equal(plain.sample(epoch, 0)[0], whole) for epoch in range(6))


def test_source_and_target_are_augmented_independently(detailed):
    images = read_images(detailed, "trainA")
    only = ImageList(detailed, images.names[:1])
    dataset = UnpairedSet(only, only, load_size=(20, 16), crop_size=(16, 12), seed=0, cache_bytes=0)
    same = sum(np.array_equal(*dataset.sample(epoch, 0)) for epoch in range(50))
    assert same < 10


def test_the_cache_keeps_to_its_bound_and_changes_nothing(detailed):
    needed = 4 * 20 * 16 * 3
    cached, not_cached = unpaired(detailed, cache_bytes=needed), unpaired(detailed, cache_bytes=needed - 1)
    assert cached.cached
    assert not not_cached.cached
    for epoch in range(3):
        for index in range(2):
            assert_equal_batches([cached.sample(epoch, index)], [not_cached.sample(epoch, index)])
    for folder in ("trainA", "trainB"):
        for path in (detailed / folder).iterdir():
            path.unlink()
    cached.sample(9, 0)
    with pytest.raises(DataError, match="trainA"):
        not_cached.sample(9, 0)


def test_the_seed_decides_and_the_order_of_asking_does_not(detailed):
    keys = [(epoch, index) for epoch in range(3) for index in range(2)]
    one, two, other = unpaired(detailed), unpaired(detailed), unpaired(detailed, seed=4)
    forwards = [one.sample(*key) for key in keys]
    backwards = [two.sample(*key) for key in reversed(keys)][::-1]
    assert_equal_batches(forwards, backwards)
    assert not all(np.array_equal(forwards[n][0], other.sample(*key)[0]) for n, key in enumerate(keys))


def test_threads_share_a_set(root):
    alone, shared = unpaired(root), unpaired(root)
    expected = [alone.sample(epoch, index) for epoch in range(4) for index in range(5)]
    found = {}

    def work(start):
        for place in range(start, start + 20):
            found[start, place % 20] = shared.sample(*divmod(place % 20, 5))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 7, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60
    for (_, place), sample in found.items():
        assert_equal_batches([sample], [expected[place]])


def test_the_fingerprint_is_of_the_content_and_the_direction(root):
    a, b = read_images(root, "trainA"), read_images(root, "trainB")
    same = unpaired(root, seed=9, load_size=(32, 32))
    swapped = UnpairedSet(b, a, load_size=(16, 16), crop_size=(16, 16), seed=0, cache_bytes=0)
    assert unpaired(root).fingerprint == same.fingerprint != swapped.fingerprint
    assert EvaluationSet(a, (8, 8)).fingerprint == a.fingerprint


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ({"load_size": (15, 16)}, "load_size.*15x16.*crop_size.*16x12"),
        ({"load_size": (20, 8)}, "load_size.*20x8"),
        ({"crop_size": (0, 4)}, "crop_size.*0x4"),
        ({"crop_size": (-4, 4)}, "crop_size.*-4x4"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(root, sizes, named):
    with pytest.raises(DataError, match=named):
        unpaired(root, **sizes)


def test_an_empty_domain_is_refused(root):
    with pytest.raises(DataError, match="5 and 0"):
        UnpairedSet(
            read_images(root, "trainA"),
            ImageList(root, ()),
            load_size=(16, 16),
            crop_size=(16, 16),
            seed=0,
            cache_bytes=0,
        )


@pytest.mark.parametrize("cache_bytes", [0, LARGE])
def test_an_evaluation_set_resizes_straight_and_keeps_the_order(detailed, cache_bytes):
    images = read_images(detailed, "trainA") + read_images(detailed, "trainB")
    dataset = EvaluationSet(images, (10, 8), cache_bytes)
    assert dataset.cached == bool(cache_bytes)
    expected = [to_float(resize(load_rgb(path), (10, 8))) for path in images.paths]
    for _ in range(2):
        assert np.array_equal(np.stack([dataset[index] for index in range(4)]), np.stack(expected))
        parts = list(dataset.batches(3))
        assert [part.shape for part in parts] == [(3, 3, 8, 10), (1, 3, 8, 10)]
        assert parts[0].dtype == np.float32
        assert np.array_equal(np.concatenate(parts), np.stack(expected))
    assert len(dataset) == 4
    with pytest.raises(IndexError, match="index"):
        dataset[4]
    with pytest.raises(DataError, match="0x8"):
        EvaluationSet(images, (0, 8))


def test_steps_map_to_epochs_and_the_last_batch_is_smaller(root):
    dataset = unpaired(root)
    assert steps_per_epoch(dataset, 2) == 3
    assert steps_per_epoch(dataset, 5) == steps_per_epoch(dataset, 50) == 1
    found = everything(dataset, 2, 0, 6, 0)
    assert [len(source) for source, _ in found] == [2, 2, 1, 2, 2, 1]
    keys = [[(epoch, index) for index in part] for epoch in range(2) for part in ((0, 1), (2, 3), (4,))]
    for (sources, targets), part in zip(found, keys, strict=True):
        assert np.array_equal(sources, np.stack([dataset.sample(*key)[0] for key in part]))
        assert np.array_equal(targets, np.stack([dataset.sample(*key)[1] for key in part]))


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_and_resuming_change_nothing(root, workers):
    dataset = unpaired(root)
    in_line = everything(dataset, 2, 0, 14, 0)
    assert_equal_batches(in_line, everything(unpaired(root), 2, 0, 14, workers))
    assert_equal_batches(in_line[5:], everything(unpaired(root), 2, 5, 14, workers))
    assert everything(dataset, 2, 4, 4, workers) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_ranks_share_every_batch(root, workers):
    dataset = unpaired(root)
    whole = everything(dataset, 4, 0, 4, 0)
    shares = [everything(dataset, 4, 0, 4, workers, process=process, processes=2) for process in range(2)]
    for step, batch in enumerate(whole):
        for column in range(2):
            mine, yours = shares[0][step][column], shares[1][step][column]
            assert mine.shape[1:] == yours.shape[1:] == (3, 12, 16)
            assert np.array_equal(mine, batch[column][0::2])
            alone = len(batch[column]) == 1  # the second process gets the only image too, and must not count it
            assert np.array_equal(yours, batch[column] if alone else batch[column][1::2])
    assert len(whole[1][0]) == 1


def test_a_broken_image_is_reported_at_its_batch(root):
    (root / "trainA" / "3.png").write_bytes(b"broken")
    dataset = unpaired(root, shuffle=False)
    for workers in (0, 2):
        iterator = batches(dataset, 1, 0, 5, workers)
        for number in range(3):
            assert which(next(iterator)[0][0]) == number
        with pytest.raises(DataError, match=r"3\.png"):
            next(iterator)


class CountingSet:
    """A training set that remembers what it was asked for."""

    fingerprint = "counting"

    def __init__(self):
        self.asked = []

    def __len__(self):
        return 1000

    def sample(self, epoch, index):
        self.asked.append(index)
        return (np.full((3, 4, 4), index, dtype=np.float32),) * 3


def test_the_loader_stays_a_bounded_number_of_batches_ahead_and_stops_when_closed():
    dataset = CountingSet()
    iterator = batches(dataset, 1, 0, 1000, 2)
    first = next(iterator)
    assert len(first) == 3  # any training set goes, whatever its samples hold
    iterator.close()
    assert 1 <= len(dataset.asked) <= 8
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ganc-loader")]


@pytest.mark.parametrize(
    "arguments",
    [{"process": 2, "processes": 2}, {"processes": 3}, {"workers": -1}, {"batch_size": 0}, {"first_step": -1}],
)
def test_arguments_out_of_range_are_refused_at_once(arguments):
    with pytest.raises(ValueError, match="expected 0 <= process"):
        batches(CountingSet(), **({"batch_size": 2, "first_step": 0, "last_step": 1, "workers": 0} | arguments))


def test_the_package_needs_numpy_and_pillow_only():
    code = "import sys, ganc.data; print(sorted({'paddle', 'h5py', 'scipy', 'click', 'tqdm'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@real_images
def test_real_images(tmp_path):
    a, b = read_images(REAL, "trainA"), read_images(REAL, "trainB")
    assert (len(a), len(b)) == (150, 150)
    assert read_images(REAL, "testA").names[0].startswith("testA/")
    few = [ImageList(REAL, images.names[:6]) for images in (a, b)]
    dataset = UnpairedSet(*few, load_size=(72, 72), crop_size=(64, 64), seed=0, cache_bytes=LARGE)
    assert_equal_batches(everything(dataset, 4, 0, 4, 0), everything(dataset, 4, 0, 4, 2))
    images = [load_rgb(path) for path in b.paths]
    assert {image.shape for image in images} == {(256, 256, 3)}
    assert sum(bool((image == image[..., :1]).all()) for image in images) >= 3  # stored as greyscale
