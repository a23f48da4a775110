"""The search's engine on a metric in closed form: what it asks for, what it writes, what a restart asks again."""

import pytest
from helpers.search_formula import COSTS, METRIC, SPACE, Formula, everything, run, value

from ganc.base.errors import InterruptedRun, SpecError
from ganc.results.hdf5 import read_results
from ganc.results.journal import journal_path
from ganc_search.settings import Budget, EvolutionSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.evolution import Evolution
from ganc_search.strategies.lists import Listed
from ganc_search.strategies.racing import Racing, rung_metric


@pytest.fixture
def out(tmp_path):
    return tmp_path / "search.h5"


def evolving(seed=1):
    settings = EvolutionSettings(population=12, generations=4, patience=4)
    return Evolution(Allowed(SPACE, Budget(), COSTS), METRIC, seed, settings)


def test_every_sub_network_is_evaluated_once_and_its_row_says_what(out):
    evaluator = Formula()
    results, steps = run(out, evaluator=evaluator)
    assert sorted(evaluator.asked) == sorted((widths, 32) for widths in SPACE)
    assert len(results) == len(steps) == 81
    for row in results:
        assert row.metrics == {METRIC: value(row.widths, 32)}
        assert (row.images, row.macs) == (32, COSTS(row.widths).macs)
    assert not any(step.known for step in steps)
    assert steps[-1].best == min(results, key=lambda row: row.metrics[METRIC])


def test_nothing_is_evaluated_again_across_strategies_and_restarts(out):
    first = Formula()
    run(out, evolving(), first)
    assert 12 < len(first.asked) < 81
    again = Formula()
    results, steps = run(out, evolving(), again)
    assert again.asked == []
    assert len(steps) == len(first.asked)
    assert all(step.known for step in steps)
    other = Formula()
    run(out, Listed(everything()), other)
    assert not set(other.asked) & set(first.asked)
    assert len(other.asked) + len(first.asked) == 81
    assert all(read_results(out).find(row.widths) == row for row in results)


def test_an_evolution_stopped_anywhere_ends_as_one_that_was_not(out, tmp_path):
    whole, _ = run(tmp_path / "whole.h5", evolving())
    asked = []
    for calls in (0, 2, 3, 1, 100):  # a signal after so many groups
        evaluator, left = Formula(), [calls]

        def signalled(left=left):
            left[0] -= 1
            return 15 if left[0] < 0 else 0

        if calls < 100:
            with pytest.raises(InterruptedRun):
                run(out, evolving(), evaluator, signalled=signalled, group_size=4)
        else:
            run(out, evolving(), evaluator, group_size=4)
        asked += evaluator.asked
    assert read_results(out).digest == whole.digest
    assert len(set(asked)) == len(asked) == len(whole)


@pytest.mark.parametrize("group_size", [1, 5, 32, 1000])
def test_the_group_s_size_changes_nothing(out, tmp_path, group_size):
    whole, _ = run(tmp_path / "whole.h5")
    evaluator = Formula()
    results, _ = run(out, evaluator=evaluator, group_size=group_size)
    assert results.digest == whole.digest


def test_racing_evaluates_the_rest_on_more_images(out):
    evaluator = Formula()
    results, steps = run(out, evaluator=evaluator, racing=Racing(1 / 3))
    on = {images: {widths for widths, asked in evaluator.asked if asked == images} for images in (8, 16, 32)}
    assert [len(on[images]) for images in (8, 16, 32)] == [81, 27, 9]
    assert on[32] < on[16] < on[8]
    assert len(steps) == 81 + 27 + 9
    for row in results:
        stood = max(images for images in on if row.widths in on[images])
        assert row.images == stood
        assert row.metrics.pop(METRIC) == value(row.widths, stood)
        assert row.metrics == {rung_metric(METRIC, n): value(row.widths, n) for n in on if n < stood}


def test_racing_drops_nothing_on_the_front_of_the_part_and_keeps_cheap_ones(out):
    results, _ = run(out, racing=Racing(0.5))

    def beaten(row):
        points = [(value(other.widths, 8), other.macs) for other in results]
        mine = (value(row.widths, 8), row.macs)
        return any(metric <= mine[0] and macs <= mine[1] and (metric, macs) != mine for metric, macs in points)

    front = [row for row in results if not beaten(row)]
    assert 3 < len(front) < 40
    assert all(row.images > 8 for row in front)
    assert min(results, key=lambda row: row.macs).images > 8


def test_survivors_are_those_of_a_full_evaluation(out, tmp_path):
    whole, _ = run(tmp_path / "whole.h5")
    raced, _ = run(out, racing=Racing())
    full = [row for row in raced if row.images == 32]
    assert full
    for row in full:
        assert row.metrics[METRIC] == whole.find(row.widths).metrics[METRIC]


def test_a_stopped_race_drops_the_same(out, tmp_path):
    whole, _ = run(tmp_path / "whole.h5", racing=Racing())
    asked = []
    for calls in (3, 9, 12, 8, 100):
        evaluator, left = Formula(), [calls]

        def signalled(left=left):
            left[0] -= 1
            return 2 if left[0] < 0 else 0

        try:
            run(out, evaluator=evaluator, signalled=signalled, racing=Racing(), group_size=5)
        except InterruptedRun:
            assert calls < 100
        asked += evaluator.asked
    assert read_results(out).digest == whole.digest
    assert len(set(asked)) == len(asked) == 81 + 27 + 9


def test_what_a_race_dropped_is_promoted_by_a_search_without(out, tmp_path):
    whole, _ = run(tmp_path / "whole.h5")
    run(out, racing=Racing())
    evaluator = Formula()
    results, _ = run(out, evaluator=evaluator)
    assert len(evaluator.asked) == 81 - 9
    assert {row.images for row in results} == {32}
    for row in results:
        assert row.metrics[METRIC] == whole.find(row.widths).metrics[METRIC]


def test_a_race_of_other_steps_goes_on_from_what_there_is(out):
    run(out, racing=Racing())
    other = Formula()
    other.whole_batch = 12  # its steps are 12, 24 and 32 images instead of 8, 16 and 32
    results, _ = run(out, evaluator=other, racing=Racing())
    assert {images for _, images in other.asked} >= {12, 24}
    known = {row.widths: row for row in results}
    for widths, images in other.asked:  # each value is kept, also of rows that stand on more images already
        row = known[widths]
        metric = METRIC if row.images == images else rung_metric(METRIC, images)
        assert row.metrics[metric] == value(widths, images)
    third = Formula()
    third.whole_batch = 12
    run(out, evaluator=third, racing=Racing())
    assert third.asked == []


def test_what_is_finished_is_not_raced(out):
    few = [*SPACE][40:60]
    run(out, Listed(few))
    evaluator = Formula()
    run(out, evaluator=evaluator, racing=Racing())
    assert not {widths for widths, _ in evaluator.asked} & set(few)
    assert {widths for widths, images in evaluator.asked if images == 8} == {*SPACE} - {*few}


def test_an_evolution_with_racing_has_parents_on_all_images_only(out):
    results, _ = run(out, evolving(), racing=Racing(0.5))
    assert {row.images for row in results} == {8, 16, 32}
    again = Formula()
    run(out, evolving(), again, racing=Racing(0.5))
    assert again.asked == []


@pytest.mark.parametrize(
    ("images", "batch", "rungs"),
    [(120, 8, [32, 64, 120]), (32, 8, [8, 16, 32]), (30, 8, [8, 16, 30]), (10, 8, [8, 10]), (8, 8, [8]), (4, 8, [4])],
)
def test_rungs_are_whole_batches(images, batch, rungs):
    assert Racing().rungs(images, batch) == rungs


def test_any_object_that_asks_and_is_told_drives_the_evaluation(out):
    """Hill climbing: the neighbours of the best so far, until none is better."""

    class Climbing:
        def __init__(self):
            self.best, self.told = None, []

        def ask(self):
            if self.best is None:
                return [SPACE.smallest]
            return [w for w in SPACE if sum(a != b for a, b in zip(w, self.best.widths, strict=True)) == 1][
                : self.room()
            ]

        def room(self):
            return None if len(self.told) < 2 or self.told[-1] is not self.told[-2] else 0

        def tell(self, rows):
            self.best = min([*rows, *([self.best] if self.best else [])], key=lambda row: row.metrics[METRIC])
            self.told.append(self.best)

    climbing = Climbing()
    results, steps = run(out, climbing)
    best = value(climbing.best.widths, 32)
    assert steps[-1].best == climbing.best == results.find(climbing.best.widths)
    assert all(best <= row.metrics[METRIC] for row in results)
    assert 1 < len(results) < 81


def test_a_strategy_that_leaves_the_space_is_refused(out):
    with pytest.raises(SpecError, match="9 at"):
        run(out, Listed([SPACE.largest, (9, *SPACE.largest[1:])]))


def test_a_row_is_in_the_journal_as_soon_as_its_group_is_done(out):
    seen = []

    class Looking(Formula):
        def measure(self, group, images):
            journal = journal_path(out)
            seen.append((len(self.asked), journal.read_bytes().count(b"\n") - 1 if journal.exists() else 0))
            return super().measure(group, images)

    run(out, evaluator=Looking(), group_size=9)
    assert [written for _, written in seen] == [asked for asked, _ in seen] == [*range(0, 81, 9)]
