"""Evaluations of a folder: which images are translated and what they are compared with."""

import dataclasses
import shutil

import pytest
from helpers.support import SIZE, UNTRAINED

from ganc.base.direction import Direction
from ganc.base.errors import DataError, SpecError, StatisticsError
from ganc.metrics import write_statistics
from ganc.metrics.evaluation import Evaluation, domain_statistics

SQUARE = (SIZE, SIZE)


@pytest.mark.parametrize(("direction", "subset", "target"), [("AtoB", "testA", "B"), ("BtoA", "testB", "A")])
def test_test_images_of_the_source_are_compared_with_the_target(tiny_data, direction, subset, target):
    evaluation = Evaluation.of_folder(tiny_data, Direction(direction), SQUARE, feature_set=UNTRAINED)
    expected = domain_statistics(tiny_data, target, SQUARE, evaluation.feature_set)
    assert (evaluation.subset, len(evaluation.images)) == (subset, 4)
    assert evaluation.statistics.digest == expected.digest
    assert evaluation.facts()["target_images"] == 10


def test_training_images_stand_in_for_missing_test_images_and_a_subset_can_be_named(tiny_data, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(tiny_data, folder)
    named = Evaluation.of_folder(folder, Direction.A_TO_B, SQUARE, subset="trainA", feature_set=UNTRAINED)
    assert (named.subset, len(named.images)) == ("trainA", 6)
    for path in (folder / "testA", folder / "testA.txt"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert Evaluation.of_folder(folder, Direction.A_TO_B, SQUARE, feature_set=UNTRAINED).subset == "trainA"
    with pytest.raises(DataError, match="searchA"):
        Evaluation.of_folder(folder, Direction.A_TO_B, SQUARE, subset="searchA", feature_set=UNTRAINED)


def test_a_statistics_file_is_used_if_it_is_of_this_size(tiny_data, tmp_path):
    computed = Evaluation.of_folder(tiny_data, Direction.A_TO_B, SQUARE, feature_set=UNTRAINED).statistics
    other = dataclasses.replace(computed, mu=computed.mu + 1)
    write_statistics(tmp_path / "other.npz", other)
    evaluation = Evaluation.of_folder(tiny_data, Direction.A_TO_B, SQUARE, statistics=tmp_path / "other.npz")
    assert evaluation.statistics.digest == other.digest != computed.digest
    with pytest.raises(StatisticsError, match=r"other\.npz.*64x64"):
        Evaluation.of_folder(tiny_data, Direction.A_TO_B, (64, 64), statistics=tmp_path / "other.npz")


def test_an_unknown_direction_is_refused(tiny_data):
    with pytest.raises(SpecError, match="sideways"):
        Evaluation.of_folder(tiny_data, "sideways", SQUARE, feature_set=UNTRAINED)
