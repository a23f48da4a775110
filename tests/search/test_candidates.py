"""Which sub-networks a search looks at: against brute force over whole spaces."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from helpers.stages import macs_by_hand

from ganc.base.errors import FileFormatError, SelectionError
from ganc.models import listing
from ganc.models.resnet import RESNET
from ganc.models.space import NAMED_SPACES, Subnets, parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc_search.settings import Budget
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import Listed, exhaustive, read_configs, sample, shard

UNEVEN = parse_space("12,8,4/9,5/8,6,2/10,4/7,3/8/6,4,2/5,3")
WIDE = parse_space("/".join([",".join(map(str, range(16, 65)))] * 8))  # 49^8: no list of them can be made
G = 10**9


def costs_for(space, block="mobile", size=(64, 48)):
    return SubnetCosts(GeneratorSpec(widths=space.largest, block=block, n_blocks=3), size)


@pytest.mark.paddle26
@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_the_costs_of_a_whole_space_are_those_of_its_sub_networks(block):
    costs = costs_for(UNEVEN, block)
    macs, params = costs.totals(UNEVEN.choices)
    assert macs.shape == params.shape == tuple(len(widths) for widths in UNEVEN.choices)
    for widths, mac, param in zip(UNEVEN, macs.ravel(), params.ravel(), strict=True):
        alone = GeneratorSpec(widths=widths, block=block, n_blocks=3).costs((64, 48))
        assert (mac, param) == (alone.macs, alone.params)


def test_sub_networks_are_kept_by_their_places_in_the_walk():
    walk = list(UNEVEN)
    places = np.array([0, 5, 17, 200, len(walk) - 1])
    some = Subnets(UNEVEN, places)
    assert list(some) == [walk[place] for place in places]
    assert (some[0], some[-1]) == (UNEVEN.largest, UNEVEN.smallest)
    assert list(some[1:4:2]) == [walk[5], walk[200]]
    assert UNEVEN.smallest in some
    assert list(Subnets(UNEVEN, np.arange(len(walk)))) == walk
    assert all(isinstance(width, int) for width in some[1])
    with pytest.raises(IndexError):
        some[5]


@pytest.mark.paddle26
@pytest.mark.parametrize("block_size", [1, 7, 40, listing.BLOCK])
def test_all_within_the_budget_are_found_in_the_walk_s_order(monkeypatch, block_size):
    monkeypatch.setattr(listing, "BLOCK", block_size)  # also where the space is cut into parts
    costs = costs_for(UNEVEN)
    everything = {widths: costs(widths) for widths in UNEVEN}
    macs = sorted(cost.macs for cost in everything.values())
    params = sorted(cost.params for cost in everything.values())
    for max_macs, max_params in itertools.product((None, macs[0], macs[300]), (None, params[0], params[200])):
        found = exhaustive(Allowed(UNEVEN, Budget(max_macs=max_macs, max_params=max_params), costs))
        assert list(found) == [
            widths
            for widths, cost in everything.items()
            if (max_macs is None or cost.macs <= max_macs) and (max_params is None or cost.params <= max_params)
        ]


def test_the_largest_named_space_is_listed_whole():
    """Against the closed count of MACs, which knows nothing of tables."""
    space = NAMED_SPACES["channels-64-pix2pix"]
    costs = SubnetCosts(GeneratorSpec(widths=space.largest), (256, 256))
    assert len(exhaustive(Allowed(space, Budget(), costs))) == 7**8
    within = exhaustive(Allowed(space, Budget(max_macs=2 * G), costs))
    some = [space.draw(np.random.default_rng(seed)) for seed in range(2000)]
    small = {widths for widths in some if macs_by_hand(widths, 256, n_blocks=9) <= 2 * G} | {space.smallest}
    listed = set(within)
    assert small <= listed
    assert not (set(some) - small) & listed


def test_a_list_of_too_many_is_refused_and_random_ones_are_drawn():
    costs = costs_for(WIDE, size=(256, 256))
    with pytest.raises(SelectionError, match="--max-macs"):
        exhaustive(Allowed(WIDE, Budget(), costs))
    smallest = costs(WIDE.smallest).macs
    for budget in (Budget(), Budget(max_macs=smallest * 5 // 4)):
        allowed = Allowed(WIDE, budget, costs)
        found = sample(allowed, 10, seed=1)
        assert found == sample(allowed, 10, seed=1) != sample(allowed, 10, seed=2)
        assert len(found) == len(set(found)) == 10
        assert all(widths in allowed and widths in WIDE for widths in found)
    assert sample(Allowed(WIDE, Budget(max_macs=smallest), costs), 20, seed=1) == [WIDE.smallest]


@pytest.mark.paddle26
def test_a_sample_is_uniform_over_what_the_budget_allows():
    costs = costs_for(UNEVEN)
    limit = sorted(costs(widths).macs for widths in UNEVEN)[11]
    budget = Budget(max_macs=limit)
    allowed = Allowed(UNEVEN, budget, costs)
    everything = list(exhaustive(allowed))
    assert len(everything) == 12
    counts = dict.fromkeys(everything, 0)
    for seed in range(600):
        found = sample(allowed, 3, seed)
        assert found == sorted(set(found), reverse=True)
        for widths in found:
            counts[widths] += 1
    assert sum(counts.values()) == 1800
    assert all(abs(count - 150) < 50 for count in counts.values())  # a standard deviation is 10.6
    assert sample(allowed, 100, 0) == everything


def test_the_budget_has_three_bounds_and_asks_for_latencies_only_within_the_others():
    costs = costs_for(UNEVEN)
    limit = sorted(costs(widths).macs for widths in UNEVEN)[40]
    asked = []

    def latency_of(widths):
        asked.append(widths)
        return sum(widths) / 10

    budget = Budget(max_macs=limit, max_latency=3.4)
    cheap = list(exhaustive(Allowed(UNEVEN, replace(budget, max_latency=None), costs, latency_of)))
    assert asked == []
    allowed = Allowed(UNEVEN, budget, costs, latency_of)
    found = list(exhaustive(allowed))
    assert found == [widths for widths in cheap if sum(widths) <= 34]
    assert 0 < len(found) < len(cheap)
    assert set(asked) == set(cheap)
    assert set(sample(allowed, 2, 0)) <= set(found)
    assert sample(allowed, 5000, 0) == found
    assert budget.allows(limit, 1)
    assert not budget.allows(limit + 1, 1)
    with pytest.raises(ValueError, match=r"max_latency.*latency_of"):
        Allowed(UNEVEN, budget, costs)


@pytest.mark.parametrize(
    ("budget", "asked", "takes"),
    [
        (Budget(max_macs=1_000_000), "--max-macs 1.00 M", ""),
        (Budget(max_params=12, max_macs=20 * G), "--max-macs 20.00 G --max-params 12", ""),
        (Budget(max_latency=0.5), "--max-latency 0.5", "3.1 ms"),
    ],
)
def test_an_impossible_budget_names_the_smallest_sub_network(budget, asked, takes):
    with pytest.raises(SelectionError, match=f"{asked}.*4_5_2_4_3_8_2_3.*{takes}"):
        Allowed(UNEVEN, budget, costs_for(UNEVEN), lambda widths: sum(widths) / 10)


def test_of_what_is_allowed_single_ones_are_drawn_within_all_bounds():
    costs = costs_for(UNEVEN)
    allowed = Allowed(UNEVEN, Budget(max_latency=4.0), costs, lambda widths: sum(widths) / 10)
    ones = {allowed.draw(np.random.default_rng(seed)) for seed in range(400)}
    assert ones == {widths for widths in UNEVEN if sum(widths) <= 40}
    assert UNEVEN.largest not in allowed


def test_a_list_is_asked_for_once():
    strategy = Listed([UNEVEN.largest, UNEVEN.smallest])
    assert strategy.total == 2
    assert strategy.ask() == strategy.ask() == [UNEVEN.largest, UNEVEN.smallest]
    strategy.tell([])
    assert not strategy.ask()


def test_a_file_names_sub_networks(tmp_path):
    space = parse_space("32,16/32/32,24/32,16/32,16/32,16/32/32")
    path = tmp_path / "configs"
    path.write_bytes(
        b"# mine\r\n\r\n16_32_24_16_16_16_32_32\r\n 32_32_32_16_32_32 # six numbers\n16_32_24_16_32_32\n32"
    )
    every = (32,) * 8
    named = [every, (32, 32, 32, 16, 16, 16, 32, 32), (16, 32, 24, 16, 16, 16, 32, 32)]
    assert read_configs(path, space, RESNET) == named


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"32\n\n32_32\n", ["line 3", "32_32"]),
        (b"32\n# all\n24_32_32_32_32_32_32_32", ["line 3", "24 at"]),
        (b"32\n3.2", ["line 2", "3.2"]),
        (b"# nothing\n\n", ["no sub-network"]),
        (b"", ["no sub-network"]),
        (b"\xff\xfe3\x002\x00", []),
        (None, []),
    ],
)
def test_a_wrong_line_is_named_with_its_number(tmp_path, content, words):
    path = tmp_path / "configs"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileFormatError) as caught:
        read_configs(path, parse_space("/".join(["32,16"] * 8)), RESNET)
    assert all(word in str(caught.value) for word in [str(path), *words])


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 16, 100])
def test_shards_are_disjoint_of_equal_size_and_together_everything(parts):
    for count in (0, 1, 5, 32, 100, 1001):
        everything = [(number,) for number in range(count)]
        shards = [shard(everything, part, parts) for part in range(1, parts + 1)]
        assert sorted(widths for part in shards for widths in part) == sorted(everything)
        assert len({len(part) for part in shards}) <= 2
        assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_shard_keeps_neighbours_together_and_has_large_and_small_ones():
    parts = [shard(range(6561), part, 16) for part in range(1, 17)]
    for part in parts:
        steps = np.diff(sorted(part))
        assert (steps > 1).sum() <= 9
        assert abs(np.mean(part) - 3280) < 150
    assert list(shard(Subnets(UNEVEN, np.arange(432)), 2, 5)) == shard(list(UNEVEN), 2, 5)
