"""The predictor: what it asks for, how near it comes to a known front, and predictions that stay predictions."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.agreement import assert_same_search
from helpers.search_rows import make_results, make_row
from helpers.stages import SPACE, json_of, macs_by_hand, nothing_changes, refusal, widths_of_space
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, run_command, succeed

from ganc.base.rng import keyed_generator
from ganc.demo.dataset import write_demo_set
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results, write_results
from ganc.results.objective import Objective
from ganc.results.search_results import SearchResults, merge_results
from ganc.results.selection import pareto_front
from ganc.results.table import SearchRow
from ganc_search.predict.gain import Stair
from ganc_search.predict.models import CANDIDATES, fit_best
from ganc_search.settings import Budget, ModelName, PredictorSettings
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import sample
from ganc_search.strategies.predictor import Predictor
from ganc_search.strategies.racing import rung_metric

LARGE = parse_space("16,12,8/16,12,8/12,10,8/12,10,8/12/12,10,8/16/16,12,8")  # 729 sub-networks
COSTS = SubnetCosts(GeneratorSpec(widths=LARGE.largest), (64, 64))
GAUSSIAN = PredictorSettings(model=ModelName.GAUSSIAN_PROCESS)  # the fastest here


def made_up(widths):
    """Worse the narrower, by other amounts in each place, and where two of the blocks do not match."""
    narrow = np.log(np.array(LARGE.largest) / np.array(widths))
    return 5 + np.dot([3, 1, 5, 2, 4, 3, 1, 2], narrow**1.3) + 3 * abs(narrow[3] - narrow[5]) * narrow[2]


def row_of(widths, images=40, **metrics):
    cost = COSTS(widths)
    costs = {"macs": cost.macs, "device_macs": cost.device_macs, "params": cost.params}
    return SearchRow(widths=widths, **costs, images=images, metrics=metrics or {"toy": made_up(widths)})


def rounds_of(strategy, row_of=row_of):
    rounds = []
    while candidates := strategy.ask():
        rounds.append([row_of(widths) for widths in candidates])
        strategy.tell(rounds[-1])
    return rounds


def predictor(samples, budget=None, seed=0, space=LARGE, objective=Objective.PARETO):
    return Predictor(Allowed(space, budget or Budget(), COSTS), "toy", seed, samples, GAUSSIAN, objective)


def hypervolume(rows):
    """The area that the rows' front dominates, up to the worst metric and the most MACs of the space."""
    metric, macs = np.array([(row.metrics["toy"], row.macs) for row in rows]).T
    front = pareto_front(metric, macs)
    front = front[np.argsort(macs[front])]
    ends = np.append(macs[front][1:], COSTS(LARGE.largest).macs)
    return ((made_up(LARGE.smallest) - metric[front]) * (ends - macs[front])).sum()


def test_few_evaluations_come_near_the_front_of_all_and_random_ones_do_not():
    every = hypervolume([row_of(widths) for widths in LARGE])
    for seed in (1, 2):
        found = list(itertools.chain(*rounds_of(predictor(60, seed=seed))))
        drawn = [row_of(widths) for widths in sample(Allowed(LARGE, Budget(), COSTS), 60, seed)]
        assert hypervolume(found) > 0.98 * every > 1.05 * hypervolume(drawn)


def test_it_asks_for_as_many_as_it_may_each_once_within_the_budget_smallest_and_largest_first():
    most = (COSTS(LARGE.smallest).macs + COSTS(LARGE.largest).macs) // 2
    budget = Budget(max_macs=most)
    rounds = rounds_of(predictor(40, budget))
    asked = [row.widths for row in itertools.chain(*rounds)]
    assert len(asked) == len(set(asked)) == 40
    assert all(COSTS(widths).macs <= most for widths in asked)
    largest = max((widths for widths in LARGE if COSTS(widths).macs <= most), key=lambda widths: COSTS(widths).macs)
    assert {LARGE.smallest, largest} <= {row.widths for row in rounds[0]}
    widths_looked_at = [set(column) for column in zip(*(row.widths for row in rounds[0]), strict=True)]
    assert widths_looked_at == [set(choices) for choices in LARGE.choices]


def test_a_space_with_fewer_sub_networks_than_samples_is_evaluated_whole():
    space = parse_space("16,12/16/12,10/12/12/12/16/16,12")
    assert {row.widths for row in itertools.chain(*rounds_of(predictor(50, space=space)))} == {*space}


def test_of_a_space_too_large_to_list_the_neighbours_of_the_front_are_looked_at(monkeypatch):
    monkeypatch.setattr("ganc.models.listing.LISTABLE", 10)
    monkeypatch.setattr("ganc_search.predict.field.DRAWN", 50)
    monkeypatch.setattr("ganc_search.predict.spread.POOL", 200)
    assert Allowed(LARGE, Budget(), COSTS).listed is None
    found = list(itertools.chain(*rounds_of(predictor(50))))
    assert len({row.widths for row in found}) == 50
    assert hypervolume(found) > 0.97 * hypervolume([row_of(widths) for widths in LARGE])


def test_the_metric_alone_is_lowered_where_the_objective_says_so():
    most = (COSTS(LARGE.smallest).macs + COSTS(LARGE.largest).macs) // 2
    found = list(itertools.chain(*rounds_of(predictor(40, Budget(max_macs=most), objective=Objective.METRIC))))
    within = [made_up(widths) for widths in LARGE if COSTS(widths).macs <= most]
    assert min(row.metrics["toy"] for row in found) == pytest.approx(min(within), rel=1e-3)


def test_what_a_race_measured_on_few_images_is_fitted_with_what_it_measured_on_all():
    """A third of each round has all images; the others' metric is another quantity, larger and on fewer images."""

    def raced(widths):
        if sum(widths) % 3:
            return row_of(widths, images=10, toy=2 * made_up(widths) + 3)
        return row_of(widths, toy=made_up(widths), **{"toy.first-10": 2 * made_up(widths) + 3})

    strategy = predictor(60)
    rows = list(itertools.chain(*rounds_of(strategy, raced)))
    said = dict(zip(map(tuple, strategy.predictions.widths.tolist()), strategy.predictions.values, strict=True))
    off = [abs(said[row.widths] - made_up(row.widths)) for row in rows]
    assert np.median(off) < 0.1


def test_the_gain_is_what_a_front_gains():
    """Without doubt about the metric it is the area that is added; drawn at random, its mean."""
    stair = Stair(np.array([5.0, 3.0, 4.0]), np.array([1.0, 6.0, 3.0]), 10.0)
    mean, cost = np.array([3.5, 6.0, 2.0]), np.array([2.0, 2.0, 8.0])
    assert stair.gains(mean, np.zeros(3), cost) == pytest.approx([1.5 + 1.5, 0, 2.0])
    drawn = mean[:, None] + 1.5 * keyed_generator(0, "gain").standard_normal((3, 40_000))
    added = np.mean([stair.gains(one, np.zeros(3), cost) for one in drawn.T], axis=0)
    assert stair.gains(mean, np.full(3, 1.5), cost) == pytest.approx(added, rel=0.03)


def test_the_model_that_orders_what_it_has_not_seen_is_taken():
    inputs = keyed_generator(0, "inputs").uniform(-1, 1, (40, 4))
    values = 7 + inputs @ [3, 1, 0, 2] + inputs[:, 0] * inputs[:, 1]
    fitted = fit_best(inputs, values, CANDIDATES, 0)
    assert fitted.correlations.keys() == {*map(str, CANDIDATES)}
    assert fitted.correlations[fitted.name] == max(fitted.correlations.values()) > 0.99
    assert fitted.error == pytest.approx(np.sqrt(np.mean((fitted.left_out - values) ** 2)))
    assert fitted.predict(inputs)[0] == pytest.approx(values, abs=0.5)


@pytest.fixture
def files(supernet_file, tiny_data):
    return ("--supernet", supernet_file, "--data", tiny_data, "--space", SPACE, *UNTRAINED_SET, "--device", "cpu")


@pytest.fixture
def arguments(files):
    return (*files, "--strategy", "predictor", "--predictor-refits", 2)


def test_a_search_by_predictions_and_what_commands_show_of_it(arguments, tmp_path):
    out = tmp_path / "search.h5"
    said = succeed("ganc-search", *arguments, "--samples", 14, "-o", out)
    results = read_results(out)
    metric = results.ranking_name
    measured = [row for row in results if row.images]
    assert (len(measured), results.measured) == (14, 14)
    assert results.facts["strategy"] == "predictor"
    assert results.facts["predictions"]["model"] in {*map(str, CANDIDATES)}
    error = results.facts["predictions"]["error"]
    for row in results:
        assert f"{metric}.predicted" in row.metrics
        assert row.errors[f"{metric}.predicted"] == error
        assert (metric in row.metrics) == bool(row.images)
    assert f"{metric}, predicted" in said.stdout
    best = json_of("ganc", "select", out)
    assert len(best) == 14  # what was measured, and nothing else
    succeed("ganc", "plot", out, "-o", tmp_path / "front.png")


def test_what_a_search_leaves_predicted_is_counted_listed_and_drawn(arguments, tmp_path):
    """A linear model of eleven promises more than anything measured, by far; so it does not hang on a rounding."""
    out = tmp_path / "search.h5"
    said = succeed("ganc-search", *arguments, "--samples", 11, "--predictor-model", "linear", "-o", out)
    results = read_results(out)
    only = {"_".join(map(str, row.widths)): row for row in results if not row.images}
    assert len(only) == len(results) - 11 > 0
    column = f"{results.ranking_name}.predicted"
    assert min(row.metrics[column] for row in only.values()) < 0.5 * np.nanmin(results.ranking)
    assert f"{len(only)} more are predicted to be on the front" in said.stdout
    listed = json_of("ganc", "select", out, "--predicted")
    assert {row["widths"] for row in listed} == only.keys()
    values = [row["metrics"][column] for row in listed]
    assert values == sorted(only[row["widths"]].metrics[column] for row in listed)
    drawn = succeed("ganc", "plot", out, "-o", tmp_path / "front.svg", "--json").stdout
    assert json.loads(drawn)["predicted"] == len(only)


def test_a_search_that_was_cut_short_ends_with_the_same_file(supernet_file, tmp_path):
    whole, cut = tmp_path / "whole.h5", tmp_path / "cut.h5"
    write_demo_set(tmp_path / "data", train=4, test=12, size=32)
    files = ("--supernet", supernet_file, "--data", tmp_path / "data", "--space", SPACE, *UNTRAINED_SET)
    options = ("--strategy", "predictor", "--predictor-refits", 2, "--predictor-model", "linear", "--device", "cpu")
    command = ("ganc-search", *files, *options, "--samples", 13, "--racing")
    succeed(*command, "-o", whole)
    results = read_results(whole)
    measured = [row for row in results if row.images]
    assert {row.images for row in measured} == {8, 12}
    write_results(cut, make_results(measured[:6], identity=results.identity))
    succeed(*command, "-o", cut)
    assert_same_search(read_results(cut), results)


def test_a_raced_round_keeps_all_that_nothing_in_it_beats(supernet_file, tmp_path):
    write_demo_set(tmp_path / "data", train=4, test=13, size=32)
    out = tmp_path / "search.h5"
    files = ("--supernet", supernet_file, "--data", tmp_path / "data", "--space", SPACE, *UNTRAINED_SET, "-o", out)
    one_round = ("--samples", 12, "--predictor-first", 1, "--predictor-model", "linear")
    said = succeed("ganc-search", *files, "--strategy", "predictor", *one_round, "--racing", "--batch-size", 4)
    rows = [row for row in read_results(out) if row.images]

    def on_first(row):
        first = rung_metric(f"{UNTRAINED}-kid", 8)
        return row.metrics.get(first, row.metrics[f"{UNTRAINED}-kid"] if row.images == 8 else math.nan)

    front = pareto_front(np.array([on_first(row) for row in rows]), np.array([row.macs for row in rows]))
    assert len(rows) == 12
    assert len(front) > 4  # a third
    assert {rows[place].images for place in front} == {13}
    assert {row.images for row in rows} == {8, 13}
    assert "candidates 12," in said.stderr


def test_what_is_measured_later_has_its_prediction_beside_it_and_the_file_names_the_model(files, arguments, tmp_path):
    out = tmp_path / "search.h5"
    succeed("ganc-search", *arguments, "--samples", 12, "--predictor-model", "gaussian-process", "-o", out)
    results = read_results(out)
    column = f"{results.ranking_name}.predicted"
    first, *others = results
    alone = replace(first, images=0, metrics={column: 123.0}, errors={column: 0.5})
    write_results(out, SearchResults(results.identity, results.facts, [alone, *others]))
    succeed("ganc-search", *files, "-o", out)  # all of them
    after = read_results(out)
    assert len(after) == after.measured == 32
    assert after.find(first.widths).metrics == first.metrics | {column: 123.0}
    assert after.facts["strategy"] == "exhaustive"
    assert after.facts["predictions"] == results.facts["predictions"]


def test_of_two_predictions_of_one_sub_network_that_with_the_smaller_error_stays():
    def predicted(value, error, **more):
        column = "untrained.predicted"
        return make_row((8, 4), metrics={column: value, **more}, errors={column: error})

    sure, unsure = (make_results([predicted(*one, untrained=3.0)]) for one in ((3.1, 0.1), (2.5, 0.7)))
    for parts in ((sure, unsure), (unsure, sure)):
        (row,) = merge_results(parts)
        assert row.metrics == {"untrained": 3.0, "untrained.predicted": 3.1}
        assert row.errors == {"untrained.predicted": 0.1}


def test_nothing_predicted_is_chosen(tmp_path):
    path = tmp_path / "search.h5"
    rows = [make_row((8, 4), 3.0), make_row((8, 2), images=0, metrics={"untrained.predicted": 1.0})]
    write_results(path, make_results(rows))
    assert [row["widths"] for row in json_of("ganc", "select", path)] == ["8_4"]
    assert [row["widths"] for row in json_of("ganc", "select", path, "--predicted")] == ["8_2"]
    assert "no sub-network" in refusal("ganc", "select", path, "--max-macs", make_row((8, 2)).macs)
    write_results(path, make_results(rows[:1]))
    assert "--strategy predictor" in refusal("ganc", "select", path, "--predicted")
    succeed("ganc", "select", path, "--json")
    assert "--pareto" in refusal("ganc", "select", path, "--predicted", "--pareto", status=2)


def test_the_budget_of_evaluations_is_needed_and_shards_are_refused(arguments, tmp_path):
    out = ("-o", tmp_path / "search.h5")
    assert "--samples and --strategy predictor" in refusal("ganc-search", *arguments, *out, status=2)
    sharded = (*arguments, "--samples", 9, "--shard", "1/2")
    assert "no shards" in refusal("ganc-search", *sharded, *out, status=2)


@pytest.mark.parametrize("samples", [1, 5, 9])
def test_fewer_samples_than_a_model_needs_are_refused(arguments, tmp_path, samples):
    with nothing_changes(tmp_path):
        for output in (("-o", tmp_path / "search.h5"), ("--dry-run",)):
            said = refusal("ganc-search", *arguments, "--samples", samples, *output)
            assert said.startswith(f"--samples {samples}: --strategy predictor fits its model to 10 at least")


def test_where_fewer_sub_networks_are_possible_they_are_all_measured(arguments, tmp_path):
    """Of a space of 8, and of one of 32 under a budget that leaves 6; though a model needs 10."""
    small = ("--space", "8,4/8,4/8/8,4/8/8/8/8")
    fewest = sorted(macs_by_hand(widths, SIZE) for widths in widths_of_space(SPACE))
    for options, count in ((small, 8), (("--max-macs", fewest[5]), sum(macs <= fewest[5] for macs in fewest))):
        assert 1 < count < 10
        for samples in (count, 50):
            out = tmp_path / f"{count}-{samples}.h5"
            succeed("ganc-search", *arguments, *options, "--samples", samples, "-o", out)
            assert read_results(out).measured == len(read_results(out)) == count
        said = refusal("ganc-search", *arguments, *options, "--samples", count - 1, "-o", tmp_path / "no.h5")
        assert "10 at least" in said


def test_ten_samples_make_a_model_and_the_first_of_fifteen_are_ten(arguments, tmp_path):
    succeed("ganc-search", *arguments, "--samples", 10, "--predictor-model", "linear", "-o", tmp_path / "ten.h5")
    assert read_results(tmp_path / "ten.h5").facts["predictions"]["model"] == "linear"
    assert [len(one) for one in rounds_of(predictor(15))] == [10, 1, 1, 1, 1, 1]
    said = " ".join(succeed("ganc-search", "--help").stdout.split())
    assert "the first sample, as a part of --samples; at least 10" in said


def test_another_number_of_samples_begins_with_others_as_help_says():
    first, other = ({row.widths for row in rounds_of(predictor(samples))[0]} for samples in (30, 45))
    assert (len(first), len(other)) == (10, 15)
    whole = {row.widths for row in itertools.chain(*rounds_of(predictor(45)))}
    assert not {row.widths for row in itertools.chain(*rounds_of(predictor(30)))} <= whole
    said = " ".join(succeed("ganc-search", "--help").stdout.split())
    assert "the predictor's, which are others for another number" in said


def test_without_scikit_learn_it_says_what_to_install(arguments, tmp_path):
    out = ("-o", tmp_path / "search.h5")
    done = run_command("ganc-search", *arguments, "--samples", 12, *out, absent=("sklearn",))
    assert done.returncode == 1
    assert (
        done.stderr.decode()
        .splitlines()[-1]
        .startswith("Error: scikit-learn is not installed: pip install 'ganc-common[pre")
    )
    assert not (tmp_path / "search.h5").exists()


def test_the_list_of_predictions_says_what_orders_it(tmp_path):
    path = tmp_path / "search.h5"
    only = make_row((8, 2), images=0, metrics={"untrained-kid.predicted": 1.0})
    write_results(path, make_results([make_row((8, 4), metrics={"untrained": 3.0, "untrained-kid": 2.0}), only]))
    said = succeed("ganc", "select", path, "--predicted").stdout
    assert "ordered by what is predicted of untrained-kid" in said
    assert "0 images" not in said


def test_no_gaussian_process_is_fitted_to_very_many_rows(arguments, tmp_path, monkeypatch):
    many = ("--samples", 1001, "--predictor-model", "gaussian-process", "-o", tmp_path / "search.h5")
    assert "at most 1,000 --samples" in refusal("ganc-search", *arguments, *many, status=2)
    monkeypatch.setattr("ganc_search.predict.models.LARGEST_PROCESS", 20)
    strategy = Predictor(Allowed(LARGE, Budget(), COSTS), "toy", 0, 24, PredictorSettings(first=0.5, refits=1))
    tried = []
    while candidates := strategy.ask():
        strategy.tell([row_of(widths) for widths in candidates])
        tried.append({*strategy.predictions.rank_correlations})
    assert tried == [{*map(str, CANDIDATES)}, {"linear", "trees"}]
