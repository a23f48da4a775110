"""A search of millions of sub-networks begins without making each of them: they stay places in an array."""

import tracemalloc

import numpy as np
import pytest
from helpers.support import SIZE, generator_spec, random_state

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import SelectionError
from ganc.models.space import NAMED_SPACES, parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc_search.latency import Deployed, LatencyModel
from ganc_search.settings import Budget, LatencyKind
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import exhaustive, sample, shard

MILLIONS = NAMED_SPACES["channels-64-pix2pix"]
SMALL = parse_space("8,4/8/8,4/8,4/8/8,4/8,4/8,4")


def sums_of(widths):
    return widths.sum(axis=1).astype(float)


def allowed(space, latency=None, *, at_once=True):
    costs_of = SubnetCosts(GeneratorSpec(widths=space.largest, n_blocks=3), (64, 64))
    told = (lambda widths: float(sum(widths)), sums_of if at_once else None) if latency else ()
    return Allowed(space, Budget(max_latency=latency), costs_of, *told)


@pytest.mark.parametrize(
    "listed",
    [
        lambda: shard(exhaustive(allowed(MILLIONS)), 2, 3),
        lambda: exhaustive(allowed(MILLIONS, latency=400.0)),
        lambda: sample(allowed(MILLIONS), 64, 0),
    ],
    ids=["shard", "exhaustive under a latency", "sample"],
)
def test_a_list_of_millions_takes_less_than_the_space_as_tuples(listed):
    assert len(MILLIONS) == 5_764_801
    tracemalloc.start()
    try:
        found = listed()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 700 << 20
    assert len(found) > 1
    assert found[0] in MILLIONS


def test_a_bound_at_once_allows_what_it_does_one_by_one():
    assert [*exhaustive(allowed(SMALL, 44.0))] == [*exhaustive(allowed(SMALL, 44.0, at_once=False))]


def test_millions_are_not_timed_one_by_one():
    with pytest.raises(SelectionError) as caught:
        exhaustive(allowed(MILLIONS, latency=400.0, at_once=False))
    for part in ("--max-latency 400", "5,764,801", "--latency table", "--samples"):
        assert part in str(caught.value)


@pytest.mark.skipif(not usable_engines(graph_engines()), reason="neither OpenVINO nor ONNX Runtime is installed")
def test_a_table_gives_all_latencies_at_once():
    state = random_state(generator_spec(8), seed=3)
    engine = usable_engines(graph_engines())[0]
    model = LatencyModel(state, SMALL, (SIZE, SIZE), LatencyKind.TABLE, Deployed(engine, turns=1))
    widths = [*SMALL]
    np.testing.assert_allclose(model.of_all(np.array(widths)), [model.of(one) for one in widths])
