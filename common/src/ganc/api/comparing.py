"""Measuring generators, and comparing them side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganc.api.images import PathLike, Picture, Size, is_data_folder, pictures, pixels
from ganc.api.model import Model, both_sides, opened
from ganc.base.errors import SettingError
from ganc.base.target_images import target_images
from ganc.files.card import CARD

# What needs Paddle or the metrics' packages is imported by what uses it.


def compare(
    models: Sequence[Model | PathLike],
    images: PathLike | Sequence[Picture],
    *,
    size: int | Size | None = None,
    statistics: PathLike | None = None,
    feature_set: str | None = None,
    reference: str | None = None,
    timed: bool = False,
) -> list[dict[str, Any]]:
    """Return one row a model: what it costs, how far its images are from the first model's, and from the target.

    Args:
        models: the first is what the others are compared with, such as the original.
        images: a data folder (trainA, trainB, testA, testB), whose test images are translated, and whose target images
            the metric compares with. Or images as of `Model.translate`, or a folder of them, which are read one by
            one: then without a metric.
        size: (width, height) in pixels that images are brought to, or one number for both; None is the first model's.
        statistics: of the target, a file of `ganc stats`; None makes them of the data folder.
        feature_set: of the metric; None is that of the statistics, or the default one.
        reference: "train+test", "train" or "test": which of the target's images statistics are made of; None is what
            `statistics` are of, or train + test.
        timed: measure milliseconds an image at batch 1, by turns.

    Returns:
        Rows of plain values: model, macs, device_macs, params, bytes, l1 (the mean absolute difference of 8-bit values
        to the first model's images, 0 to 255), milliseconds where timed; metric, value (the Fréchet distance), kernel,
        kernel_error, images and what else `ganc evaluate --json` prints. Without a metric these are None, and
        `unmeasured` says why.

    Raises:
        SpecError: the models translate in different directions or read images differently, or the size does not fit.
        DataError, StatisticsError: images or statistics cannot be used.
    """
    from ganc.report import comparison

    if isinstance(models, Model | str | Path) or not models:
        raise SettingError("models: expected a list of them, at least one")
    found = [opened(one) for one in models]
    size, wanted_images = both_sides(size, found[0].image_size), target_images(reference)
    if is_data_folder(images):
        wanted = comparison.Comparison(
            folder=Path(images),
            size=size,
            statistics=None if statistics is None else Path(statistics),
            feature_set=feature_set,
            reference=wanted_images,
            differences=True,
            timed=timed,
        )
        return comparison.compare(found, wanted)
    if statistics is not None or feature_set is not None or wanted_images is not None:
        raise SettingError(
            "statistics, feature_set and reference are of a metric; it needs a data folder, with testA and trainB"
        )
    reading = found[0].readings.source(found[0].direction)
    return comparison.compare_images(found, (pixels(one, reading) for one in pictures(images)), size, timed=timed)


def evaluate(
    model: Model | PathLike,
    data: PathLike,
    *,
    size: int | Size | None = None,
    statistics: PathLike | None = None,
    feature_set: str | None = None,
    reference: str | None = None,
    kid_subsets: int | None = None,
    kid_subset_size: int | None = None,
) -> dict[str, Any]:
    """Return how far a model's images are from the target's, as `ganc evaluate --json` prints it.

    Args:
        model: a model, or what `ganc.load` opens. Or a folder of images: then `data` is another one, or a file of
            statistics, no generator is needed, and `statistics` and `reference` are not taken.
        data: a data folder (trainA, trainB, testA, testB).
        size, statistics, feature_set, reference: as of `compare`.
        kid_subsets, kid_subset_size: measure the kernel distance by so many subsets too, of so many images (1,000).

    Returns:
        Plain values: model, macs, device_macs, params, bytes, metric, value (the Fréchet distance: lower is nearer),
        kernel, kernel_error, images, judgement ("better" than the untouched images, "within the error" or "no better"),
        untouched_value and what else the metric stands on.

    Raises:
        SpecError: the size does not fit the model.
        SettingError: something is said that is of models, and folders are compared; a size of subsets and no count.
        DataError, StatisticsError: images or statistics cannot be used.
    """
    from ganc.metrics.folders import FolderMeasure, measure_folder, said_of_models
    from ganc.metrics.kernel import subsets_asked
    from ganc.report.comparison import Comparison
    from ganc.report.comparison import compare as compare_models

    wanted_images = target_images(reference)
    subsets = subsets_asked(kid_subsets, kid_subset_size)
    if not isinstance(model, Model) and Path(model).is_dir() and not (Path(model) / CARD).is_file():
        if unfit := said_of_models({"statistics": statistics, "reference": wanted_images}):
            raise SettingError(f"{unfit[0]}: is for models; two folders of images, or one and statistics, need none")
        own = None if size is None else both_sides(size, (1, 1))
        return measure_folder(
            Path(model), Path(data), FolderMeasure(size=own, feature_set=feature_set, subsets=subsets)
        )
    found = opened(model)
    wanted = Comparison(
        folder=Path(data),
        size=both_sides(size, found.image_size),
        statistics=None if statistics is None else Path(statistics),
        feature_set=feature_set,
        reference=wanted_images,
        subsets=subsets,
    )
    return compare_models([found], wanted)[0]
