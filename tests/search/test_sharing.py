"""Sub-networks that share their leading stages measure what each measures alone, on every engine."""

import itertools
import math

import numpy as np
import pytest
from helpers.stages import refusal
from helpers.support import SIZE, generator_spec, random_state, succeed

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import MissingDependencyError, SpecError
from ganc.data import EvaluationSet, read_images
from ganc.engines.eager import EagerEngine
from ganc.metrics import feature_set
from ganc.metrics.evaluation import Evaluation, domain_statistics
from ganc.models import NAMED_SPACES, RESNET, GeneratorSpec, parse_space
from ganc.models.generator import Generator
from ganc.results.hdf5 import read_results
from ganc_search.evaluate.memory import Demand, fitted
from ganc_search.evaluate.segment_runners import EagerStages, stage_runner
from ganc_search.evaluate.shared_segments import (
    SharedEvaluator,
    cut_into_groups,
    different_stages,
    picture_order,
    tree_steps,
)

SPACE = parse_space("8,6,4/8/8,6,4/8,6,4/8/8/8/8,6,4")
ENGINES = ("paddle", "onnxruntime", "openvino")
THERE = usable_engines(graph_engines())


@pytest.fixture(scope="module")
def evaluation(tiny_data):
    features = feature_set()
    pictures = EvaluationSet(read_images(tiny_data, "testA"), (SIZE, SIZE), 1 << 20)
    return Evaluation(pictures, "testA", domain_statistics(tiny_data, "B", (SIZE, SIZE), features), features, 3)


@pytest.fixture(scope="module")
def state():
    return random_state(generator_spec(8), seed=3)


@pytest.fixture(scope="module")
def alone(evaluation, state):
    """The metric of each of the 81 sub-networks, evaluated one after another."""
    generator = Generator.from_state(state)
    return {widths: evaluation.measure(EagerEngine(generator, widths)).distance for widths in SPACE}


@pytest.mark.paddle26
@pytest.mark.parametrize("engine", ENGINES)
def test_81_sub_networks_measure_together_what_each_measures_alone(evaluation, state, alone, engine):
    if engine != "paddle" and engine not in THERE:
        pytest.skip(f"{engine} is not installed")
    assert len(alone) == 81
    assert len({round(distance, 6) for distance in alone.values()}) == 81
    evaluator = SharedEvaluator(evaluation, stage_runner(state, engine), 2)
    for group in cut_into_groups([*SPACE], 27):
        for widths, measurement in zip(group, evaluator.measure(group, 4), strict=True):
            assert measurement.distance == pytest.approx(alone[widths], rel=1e-4)
            assert measurement.images == 4


def test_a_value_does_not_depend_on_the_group(evaluation, state):
    evaluator = SharedEvaluator(evaluation, EagerStages(state), 2)
    subnets = [*SPACE]
    together = dict(zip(subnets, evaluator.measure(subnets, 4), strict=True))
    for group in (subnets[5:6], subnets[70:20:-10], [subnets[3], subnets[80], subnets[4]]):
        for widths, measurement in zip(group, evaluator.measure(group, 4), strict=True):
            assert measurement == together[widths]


def test_features_of_earlier_pictures_are_kept_within_the_memory(evaluation, state):
    one = SharedEvaluator(evaluation, EagerStages(state), 2)
    subnets = [*SPACE][:6]
    whole = one.features(subnets, 4)
    room = 2 * whole[0][:3].nbytes  # for two of the six
    for kept_bytes in (0, room, 1 << 20):
        evaluator = SharedEvaluator(evaluation, EagerStages(state), 2, kept_bytes)
        for features, complete in zip(evaluator.features(subnets, 3), whole, strict=True):
            np.testing.assert_array_equal(features, complete[:3])
        for features, complete in zip(evaluator.features(subnets, 4), whole, strict=True):
            np.testing.assert_array_equal(features, complete)


def test_each_node_of_the_tree_runs_once():
    group = [widths for widths in NAMED_SPACES["channels-32"] if widths[:4] == (32, 24, 16, 32)]
    steps = tree_steps(group, lambda stage, widths: (stage, widths[: stage + 1]))
    assert len(group) == 81
    assert len(steps) == 4 + 3 + 9 + 27 + 81
    assert len({step.run for step in steps}) == len(steps)
    path = {}
    for step in steps:
        path[step.level] = step.run[1]
        assert step.level == 0 or path[step.level][:-1] == path[step.level - 1]
    assert [step.run[1] for step in steps if step.leaf is not None] == group
    assert [step.leaf for step in steps if step.leaf is not None] == [*range(81)]


@pytest.mark.parametrize("largest", [1, 5, 27, 32, 100, 10_000])
def test_groups_are_branches_of_the_tree(largest):
    space = NAMED_SPACES["channels-32"]
    groups = cut_into_groups([*space], largest)
    assert [widths for group in groups for widths in group] == [*space]
    assert max(map(len, groups)) <= largest
    if largest == 32:
        assert all(len(group) == 27 and len({widths[:5] for widths in group}) == 1 for group in groups)


def test_groups_of_scattered_sub_networks_are_few():
    subnets = [widths for index, widths in enumerate(NAMED_SPACES["channels-32"]) if index % 7 == 0]
    groups = cut_into_groups(subnets[::-1], 32)
    assert sorted(itertools.chain.from_iterable(groups), reverse=True) == subnets
    assert len(groups) < 2 * math.ceil(len(subnets) / 32)


@pytest.mark.parametrize("most", [8, 20, 40])
def test_groups_have_no_more_stages_than_there_is_memory_for(most):
    space = NAMED_SPACES["channels-32"]
    every = [*space]
    scattered = [every[place] for place in np.random.default_rng(0).permutation(len(every))[:100]]
    groups = cut_into_groups(scattered, 32, lambda group: different_stages(group, RESNET) <= most)
    assert sorted(itertools.chain.from_iterable(groups)) == sorted(scattered)
    spec = GeneratorSpec(widths=space.largest)
    for group in groups:
        # independently of the formula: the convolutions of a stage say which stages are the same
        stages = {(n, plans) for w in group for n, plans in enumerate(spec.narrowed(w).segments)}
        assert len(stages) <= max(most, RESNET.segments)


def test_the_pictures_order_is_a_fixed_permutation():
    assert sorted(picture_order(120)) == [*range(120)]
    np.testing.assert_array_equal(picture_order(120), picture_order(120))


def demand(runner, space="channels-32", images=120, **values):
    space = NAMED_SPACES[space]
    spec = GeneratorSpec(widths=space.largest)
    fixed = {"cached": True, "whole_batch": 8, "dimensions": 2048, "image_size": (256, 256)}
    return Demand(spec=spec, space=space, runner=runner, images=images, **(fixed | values))


def test_more_memory_allows_more_and_what_is_planned_fits(state):
    runner = EagerStages(state)
    before = (0, 0)
    for limit in (1.2e9, 1.5e9, 2e9, 4e9, 16e9):
        wanted = demand(runner)
        extent = fitted(wanted, int(limit))
        assert wanted.bytes(extent.batch_size, extent.group_size) + extent.kept_bytes <= limit
        assert (extent.group_size, extent.batch_size) >= before
        before = (extent.group_size, extent.batch_size)
    assert before == (32, runner.pictures_at_once)


def test_without_a_named_bound_the_least_is_evaluated(state):
    extent = fitted(demand(EagerStages(state)), 1, strict=False)
    assert (extent.batch_size, extent.group_size, extent.kept_bytes) == (1, 1, 0)


def test_the_features_of_a_group_count(state):
    few, many = (demand(EagerStages(state), images=images) for images in (120, 5000))
    assert many.bytes(1, 27) - few.bytes(1, 27) >= 27 * 4880 * 2048 * 8


def test_too_little_memory_is_refused_with_the_least_that_does(supernet_file, tiny_data, tmp_path):
    arguments = ("--supernet", supernet_file, "--data", tiny_data, "--device", "cpu", "-o", tmp_path / "search.h5")
    said = refusal("ganc-search", *arguments, "--memory", "20M")
    start, _, least = said.partition(": it takes ")
    assert start == "--memory 20M is too little for one sub-network on one picture of 32x32"
    assert int(least.removesuffix("M")) > 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["paddle", *THERE])
def test_the_engine_is_recorded_and_is_no_identity(supernet_file, tiny_data, tmp_path, engine):
    out = tmp_path / "search.h5"
    arguments = ("--supernet", supernet_file, "--data", tiny_data, "--device", "cpu", "--space", "8,4/8/8/8/8/8/8/8,4")
    succeed("ganc-search", *arguments, "--max-macs", "4.2M", "--engine", engine, "-o", out)
    assert read_results(out).facts["engine"] == engine
    before = read_results(out)
    said = succeed("ganc-search", *arguments, "-o", out)
    assert f"engine {(*THERE, 'paddle')[0]}" in said.stderr
    assert all(read_results(out).find(row.widths) == row for row in before)


def test_an_engine_that_is_not_there_is_refused(state):
    with pytest.raises(SpecError, match=r"tensorrt.*openvino"):
        stage_runner(state, "tensorrt").stage(0, (8,) * 8)
    absent = [engine for engine in ENGINES[1:] if engine not in THERE]
    for engine in absent:
        with pytest.raises(MissingDependencyError, match="is not installed: install ganc-common"):
            stage_runner(state, engine).stage(0, (8,) * 8)
