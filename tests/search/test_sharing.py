"""Sub-networks that share their leading segments measure what each measures alone, on every engine."""

import itertools
import math
import weakref
from dataclasses import asdict

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, generator_spec, random_state, succeed

import ganc_search.evaluate.segments
from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import MissingDependencyError, SpecError
from ganc.data import EvaluationSet, read_images
from ganc.engines.compile import stream_graph
from ganc.engines.eager import EagerEngine
from ganc.metrics import feature_set
from ganc.metrics.evaluation import Evaluation, domain_statistics
from ganc.models.generator import Generator
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES, parse_space
from ganc.models.spec import GeneratorSpec
from ganc.results.hdf5 import read_results
from ganc_search.evaluate.segments import EagerSegments, GraphSegments, segments_on
from ganc_search.evaluate.shared_segments import (
    SharedEvaluator,
    cut_into_groups,
    image_order,
    tree_steps,
)

SPACE = parse_space("8,6,4/8/8,6,4/8,6,4/8/8/8/8,6,4")
ENGINES = ("paddle", "onnxruntime", "openvino")
THERE = usable_engines(graph_engines())


@pytest.fixture(scope="module")
def evaluation(tiny_data):
    features = feature_set(UNTRAINED)
    images = EvaluationSet(read_images(tiny_data, "testA"), (SIZE, SIZE), 1 << 20)
    return Evaluation(images, "testA", domain_statistics(tiny_data, "B", (SIZE, SIZE), features), features, 3)


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
    evaluator = SharedEvaluator(evaluation, segments_on(state, engine))
    for group in cut_into_groups([*SPACE], 27):
        for widths, measurement in zip(group, evaluator.measure(group, 4), strict=True):
            assert measurement.distance == pytest.approx(alone[widths], rel=1e-4)
            assert measurement.images == 4


def test_a_value_does_not_depend_on_the_group(evaluation, state):
    evaluator = SharedEvaluator(evaluation, EagerSegments(state))
    subnets = [*SPACE]
    together = dict(zip(subnets, evaluator.measure(subnets, 4), strict=True))
    for group in (subnets[5:6], subnets[70:20:-10], [subnets[3], subnets[80], subnets[4]]):
        for widths, measurement in zip(group, evaluator.measure(group, 4), strict=True):
            assert asdict(measurement) == nearly(asdict(together[widths]))


def test_features_of_earlier_images_are_kept_within_the_memory(evaluation, state):
    one = SharedEvaluator(evaluation, EagerSegments(state))
    subnets = [*SPACE][:6]
    whole = one.features(subnets, 4)
    room = 2 * whole[0][:3].nbytes  # for two of the six
    for kept_bytes in (0, room, 1 << 20):
        evaluator = SharedEvaluator(evaluation, EagerSegments(state), kept_bytes)
        for features, complete in zip(evaluator.features(subnets, 3), whole, strict=True):
            np.testing.assert_allclose(features, complete[:3], rtol=1e-5)
        for features, complete in zip(evaluator.features(subnets, 4), whole, strict=True):
            np.testing.assert_allclose(features, complete, rtol=1e-5)


def test_each_node_of_the_tree_runs_once():
    group = [widths for widths in NAMED_SPACES["channels-32"] if widths[:4] == (32, 24, 16, 32)]
    steps = tree_steps(group)
    assert len(group) == 81
    assert len(steps) == 4 + 3 + 9 + 27 + 81
    nodes = [step.widths[: step.level + 1] for step in steps]
    assert len(set(nodes)) == len(nodes)
    path = {}
    for step, node in zip(steps, nodes, strict=True):
        path[step.level] = node
        assert step.level == 0 or node[:-1] == path[step.level - 1]
    assert [step.widths for step in steps if step.leaf is not None] == group
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


@pytest.mark.parametrize("most", [1, 20, 40])
def test_groups_have_no_more_segments_than_are_kept(most):
    space = NAMED_SPACES["channels-32"]
    every = [*space]
    scattered = [every[place] for place in np.random.default_rng(0).permutation(len(every))[:100]]
    spec = GeneratorSpec(widths=space.largest)
    segments = GraphSegments(random_state(spec, seed=0), "openvino", most)
    groups = cut_into_groups(scattered, 32, segments.fits)
    assert sorted(itertools.chain.from_iterable(groups)) == sorted(scattered)
    for group in groups:
        # independently of the formula: the layers of a segment say which segments are the same
        segments = {(n, plans) for w in group for n, plans in enumerate(spec.narrowed(w).segments)}
        assert len(segments) <= max(most, RESNET.segments)


@pytest.mark.skipif(not THERE, reason="neither OpenVINO nor ONNX Runtime is installed")
def test_compiled_segments_are_let_go(state, evaluation, monkeypatch):
    compiled = []

    def noted(*arguments):
        graph = stream_graph(*arguments)
        compiled.append(weakref.ref(graph))
        return graph

    monkeypatch.setattr(ganc_search.evaluate.segments, "stream_graph", noted)
    segments = GraphSegments(state, THERE[0], 10)
    evaluator = SharedEvaluator(evaluation, segments)
    subnets = [*SPACE]
    for group in cut_into_groups(subnets, 27, segments.fits):
        evaluator.measure(group, 2)
        assert sum(graph() is not None for graph in compiled) <= 10
    assert len(compiled) > 20


def test_the_images_order_is_a_fixed_permutation():
    assert sorted(image_order(120)) == [*range(120)]
    np.testing.assert_array_equal(image_order(120), image_order(120))


def test_memory_is_an_option_without_effect(supernet_file, tiny_data, tmp_path):
    arguments = (
        "--supernet",
        supernet_file,
        "--data",
        tiny_data,
        *UNTRAINED_SET,
        "--device",
        "cpu",
        "-o",
        tmp_path / "search.h5",
    )
    said = succeed("ganc-search", *arguments, "--samples", 1, "--memory", "4G")
    assert "--group-size" in said.stderr.splitlines()[0]


@pytest.mark.parametrize("engine", ["paddle", *THERE])
def test_the_engine_is_recorded_and_is_no_identity(supernet_file, tiny_data, tmp_path, engine):
    out = tmp_path / "search.h5"
    arguments = (
        "--supernet",
        supernet_file,
        "--data",
        tiny_data,
        *UNTRAINED_SET,
        "--device",
        "cpu",
        "--space",
        "8,4/8/8/8/8/8/8/8,4",
    )
    succeed("ganc-search", *arguments, "--max-macs", "4.2M", "--engine", engine, "-o", out)
    assert read_results(out).facts["engine"] == engine
    before = read_results(out)
    said = succeed("ganc-search", *arguments, "-o", out)
    assert f"engine {(*THERE, 'paddle')[0]}" in said.stderr
    assert all(read_results(out).find(row.widths) == row for row in before)


def test_an_engine_that_is_not_there_is_refused(state):
    with pytest.raises(SpecError, match=r"tensorrt.*openvino"):
        segments_on(state, "tensorrt").segment(0, (8,) * 8)
    absent = [engine for engine in ENGINES[1:] if engine not in THERE]
    for engine in absent:
        with pytest.raises(MissingDependencyError, match="is not installed: pip install 'ganc-common"):
            segments_on(state, engine).segment(0, (8,) * 8)
