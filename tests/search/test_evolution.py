"""Evolution: its ranking against the definitions, what it asks for, and how near it comes to a known front."""

import itertools
import math

import numpy as np
import pytest

from ganc.base.errors import SettingError
from ganc.base.rng import keyed_generator
from ganc.models.space import NAMED_SPACES, parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.ranking import crowding_distances, fittest, nondominated_ranks
from ganc.results.table import RowTable, SearchRow
from ganc_search.settings import Budget, EvolutionSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.evolution import Evolution
from ganc_search.strategies.lists import exhaustive, sample

SPACE = NAMED_SPACES["channels-32"]
COSTS = SubnetCosts(GeneratorSpec(widths=SPACE.largest), (256, 256))
G = 10**9


def toy_metric(widths):
    """Worse with every channel that is missing, and where first and last or two of the blocks do not match."""
    missing = np.dot([3, 1, 5, 2, 4, 3, 1, 2], 32 - np.array(widths)) / 8
    return 60 + missing + 20 * math.exp(-(((widths[3] - widths[5]) / 8) ** 2)) + 1.5 * abs(widths[0] - widths[7])


def row_of(widths, metric=toy_metric, images=8):
    cost = COSTS(widths)
    metrics = {"toy": metric(widths)}
    return SearchRow(
        widths=widths, macs=cost.macs, device_macs=cost.device_macs, params=cost.params, images=images, metrics=metrics
    )


def rounds_of(strategy, row_of=row_of, most=None):
    """Run a strategy to its end, or for so many rounds; return the rows of each round."""
    rounds = []
    while len(rounds) != most and (candidates := strategy.ask()):
        rounds.append([row_of(widths) for widths in candidates])
        strategy.tell(rounds[-1])
    return rounds


def evolution(space, budget, seed, settings=None, latency_of=None):
    return Evolution(Allowed(space, budget, COSTS, latency_of), "toy", seed, settings)


def flat(rounds):
    return list(itertools.chain.from_iterable(rounds))


def dominates(one, other):
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


def hypervolume(rows, reference):
    """The area that the rows' front dominates below a reference (metric, GMACs), slab by slab of rising metric."""
    points = sorted((row.metrics["toy"], row.macs / G) for row in rows)
    area, lowest = 0.0, reference[1]
    for metric, macs in points:
        if macs < lowest:
            area += (lowest - macs) * (reference[0] - metric)
            lowest = macs
    return area


def true_front_of(rows):
    points = {(row.metrics["toy"], row.macs) for row in rows}
    return {point for point in points if not any(dominates(other, point) for other in points)}


@pytest.mark.paddle26
@pytest.mark.parametrize("levels", [4, 1000])
def test_ranks_are_those_of_the_definition(levels):
    """Deb et al.: a point's front is 0 if nothing dominates it, else one more than the highest of its dominators."""
    points = keyed_generator(3, "points").integers(0, levels, (2, 120)).astype(float)
    listed = [tuple(point) for point in points.T]
    expected = {}
    for point in sorted(set(listed)):  # what dominates a point comes before it
        expected[point] = 1 + max((expected[other] for other in expected if dominates(other, point)), default=-1)
    assert nondominated_ranks(*points).tolist() == [expected[point] for point in listed]


def test_crowding_of_a_front_counted_by_hand():
    metric, cost = np.array([5.0, 1.0, 2.0, 4.0]), np.array([0.0, 10.0, 8.0, 2.0])
    distances = crowding_distances(metric, cost)
    assert distances[[0, 1]].tolist() == [math.inf, math.inf]
    assert distances[2] == pytest.approx((4 - 1) / 4 + (10 - 2) / 10)
    assert distances[3] == pytest.approx((5 - 2) / 4 + (8 - 0) / 10)
    assert crowding_distances(np.ones(1), np.ones(1)).tolist() == [math.inf]
    assert np.isfinite(crowding_distances(np.ones(4), np.ones(4))[1:-1]).all()


def test_the_fittest_come_by_front_and_then_by_room():
    points = [(1, 10), (2, 8), (2.1, 7.9), (4, 2), (5, 0), (6, 6), (9, 9)]
    rows = [
        SearchRow(widths=(index,), macs=macs, device_macs=1, params=1, images=4, metrics={"toy": metric})
        for index, (metric, macs) in enumerate([(metric, int(10 * macs)) for metric, macs in points])
    ]
    best = [row.widths[0] for row in fittest(rows, "toy", 10)]
    assert set(best[:2]) == {0, 4}  # the ends
    assert best[2] == 3  # the one with the most room; 1 and 2 crowd each other
    assert set(best[3:5]) == {1, 2}
    assert best[5:] == [5, 6]
    assert [row.widths[0] for row in fittest(rows[::-1], "toy", 3)] == best[:3]


def test_rows_on_fewer_images_and_without_a_value_are_not_fit():
    def row(number, images, metrics):
        return SearchRow(widths=(number,), macs=number, device_macs=1, params=1, images=images, metrics=metrics)

    values = [{"toy": 5.0}, {"toy": math.nan}, {"toy": math.inf}, {"other": 1.0}, {"toy": 9.0}]
    rows = [row(index, 8, metrics) for index, metrics in enumerate(values)] + [row(7, 4, {"toy": 0.0})]
    assert [one.widths for one in fittest(rows, "toy", 9)] == [(0,), (4,)]
    assert [one.widths for one in fittest(rows[1:], "toy", 9)] == [(4,)]
    assert fittest([], "toy", 9) == []


def test_the_defaults_are_the_published_numbers():
    defaults = EvolutionSettings()
    assert (defaults.population, defaults.generations) == (100, 500)
    assert (defaults.parent_ratio, defaults.mutation_ratio) == (0.25, 0.5)
    assert 0.2 <= defaults.mutation_probability <= 0.4
    assert defaults.parents == 25
    with pytest.raises(SettingError, match="population"):
        EvolutionSettings(population=0)
    with pytest.raises(SettingError, match="parent_ratio"):
        EvolutionSettings(parent_ratio=1.5)


@pytest.mark.paddle26
@pytest.mark.parametrize("budget", [Budget(), Budget(max_macs=int(2.7 * G)), Budget(max_params=300_000)])
def test_all_that_is_asked_satisfies_the_budget_and_nothing_is_asked_twice(budget):
    asked = [row.widths for row in flat(rounds_of(evolution(SPACE, budget, 0)))]
    assert len(asked) == len(set(asked)) > 300
    assert all(widths in SPACE and budget.allows(COSTS(widths).macs, COSTS(widths).params) for widths in asked)


def test_the_latency_bound_holds_for_every_child():
    budget = Budget(max_latency=18.0)
    strategy = evolution(SPACE, budget, 0, EvolutionSettings(evaluations=300), lambda w: sum(w) / 10)
    asked = [row.widths for row in flat(rounds_of(strategy))]
    assert len(asked) == 300
    assert max(map(sum, asked)) <= 180


@pytest.mark.paddle26
@pytest.mark.parametrize("seed", range(3))
def test_it_nears_the_true_front_with_few_evaluations_and_beats_random_search(seed):
    everything = [row_of(widths) for widths in SPACE]
    reference = (max(row.metrics["toy"] for row in everything), 5.0)
    whole = hypervolume(everything, reference)
    rows = flat(rounds_of(evolution(SPACE, Budget(), seed, EvolutionSettings(evaluations=600))))
    at_random = [row_of(widths) for widths in sample(Allowed(SPACE, Budget(), COSTS), 600, seed)]
    assert len(rows) == 600
    assert hypervolume(rows, reference) > 0.97 * whole
    assert hypervolume(at_random, reference) < 0.95 * whole


def test_left_to_itself_it_ends_with_the_true_front_and_far_from_having_tried_everything():
    rows = flat(rounds_of(evolution(SPACE, Budget(), 0)))
    assert len(rows) < 2500
    found = true_front_of(rows)
    wanted = true_front_of([row_of(widths) for widths in SPACE])
    assert len(found & wanted) >= 0.95 * len(wanted)


@pytest.mark.paddle26
def test_the_same_rows_again_bring_the_same_rounds_and_other_seeds_others():
    def asked(seed, **values):
        rounds = rounds_of(evolution(SPACE, Budget(), seed, EvolutionSettings(**values)), most=6)
        return [[row.widths for row in rows] for rows in rounds]

    first = asked(5)
    assert asked(5) == first
    assert asked(6)[0] != first[0]
    assert asked(5, generations=3) == first[:4]  # the first round and three of children
    assert all(rows == sorted(rows, reverse=True) for rows in first)


def test_rows_read_from_a_file_serve_as_well_as_new_ones():
    """A restart sends rows as a table; what follows is what would have followed."""
    rounds = rounds_of(evolution(SPACE, Budget(), 5), most=4)
    again = evolution(SPACE, Budget(), 5)
    for rows in rounds[:3]:
        assert again.ask() == [row.widths for row in rows]
        again.tell(RowTable.of(rows))
    assert again.ask() == [row.widths for row in rounds[3]]


def test_rows_that_were_raced_out_have_no_children():
    """All wide ones stand on fewer images with a splendid value: without children the search stays narrow."""

    def raced(widths):
        wide = widths[3] == 32
        return row_of(widths, metric=(lambda _: 0.0) if wide else toy_metric, images=4 if wide else 8)

    settings = EvolutionSettings(mutation_ratio=0.0, generations=1)
    first, second = rounds_of(evolution(SPACE, Budget(), 0, settings), raced)
    assert any(row.widths[3] == 32 for row in first)
    assert len(second) > 50  # what repeats is left out
    assert not any(row.widths[3] == 32 for row in second)


def test_a_search_in_which_nothing_has_a_value_still_ends():
    rounds = rounds_of(evolution(SPACE, Budget(), 0), lambda w: row_of(w, metric=lambda _: math.nan))
    assert len(rounds) == EvolutionSettings().patience
    assert [len(rows) for rows in rounds] == [100] * len(rounds)


def test_a_small_space_is_evaluated_and_then_the_search_ends():
    space = parse_space("32,16/32/32,24,16/32/32,24/32/32/32,16")
    everything = set(exhaustive(Allowed(space, Budget(), COSTS)))
    assert {row.widths for row in flat(rounds_of(evolution(space, Budget(), 0)))} == everything
    few = EvolutionSettings(population=4, patience=50)
    rows = flat(rounds_of(evolution(space, Budget(), 0, few)))
    assert len(rows) == len({row.widths for row in rows}) >= 20
    assert {row.widths for row in rows} <= everything
    only = parse_space("/".join(["32"] * 8))
    assert len(flat(rounds_of(evolution(only, Budget(), 0)))) == 1


def test_the_number_of_evaluations_is_kept_exactly():
    for evaluations in (1, 60, 100, 101, 250):
        settings = EvolutionSettings(evaluations=evaluations)
        assert len(flat(rounds_of(evolution(SPACE, Budget(), 0, settings)))) == evaluations


@pytest.mark.parametrize("settings", [{"evaluations": 4}, {"generations": 3}], ids=["few evaluations", "all"])
def test_a_population_of_the_most_that_is_possible_ends_with_what_there_is(settings):
    space = parse_space("32,16/32/32,24,16/32/32,24/32/32/32,16")
    rows = flat(rounds_of(evolution(space, Budget(), 0, EvolutionSettings(population=100_000, **settings))))
    assert len(rows) == settings.get("evaluations", len(exhaustive(Allowed(space, Budget(), COSTS))))
    with pytest.raises(SettingError, match="population"):
        EvolutionSettings(population=100_001)
