"""Shards under a latency bound: machines differ in their times, and every sub-network is in one shard all the same."""

import zlib
from contextlib import closing

import numpy as np
import pytest
from helpers.stages import json_of, refusal, widths_of_space
from helpers.support import UNTRAINED_SET, succeed

from ganc.base.engine_table import graph_engines, usable_engines
from ganc.base.errors import RunError
from ganc.base.journal_file import read_journal_file
from ganc.models.family import format_widths
from ganc.models.space import parse_space
from ganc.models.spec import GeneratorSpec
from ganc.models.subnets import SubnetCosts
from ganc.results.hdf5 import read_results
from ganc_search.latency import FORMAT, VERSION, latency_file
from ganc_search.settings import Budget
from ganc_search.strategies.allowed import Allowed
from ganc_search.strategies.lists import exhaustive, named_ones, sample

SMALL = parse_space("8,6,4/8/8/8,6,4/8,6/8/8,6,4/8,6,4")
LARGE = parse_space("/".join(["32,28,24,20,16"] * 8))
COSTS = SubnetCosts(GeneratorSpec(widths=SMALL.largest, n_blocks=3), (32, 32))
FEW = "8,4/8/8/8/8/8/8/8,4"


class Machine:
    """Tells times that are off by 20 %, by others on each machine; it notes what it was asked for."""

    def __init__(self, number):
        self.number, self.timed = number, []

    def truly(self, widths):
        return float(sum(widths))

    def latency_of(self, widths):
        self.timed.append(tuple(widths))
        return self.truly(widths) * (0.8 + 0.4 * zlib.crc32(repr((self.number, *widths)).encode()) / 2**32)

    def latencies_of(self, widths):
        return np.array([self.latency_of(one) for one in widths.tolist()])


def shards(space, choose, bound, parts=2, *, at_once=False):
    """Return what each machine has timed, without the smallest, which every one needs; and what each has found."""
    costs_of = SubnetCosts(GeneratorSpec(widths=space.largest, n_blocks=3), (32, 32))
    macs = costs_of(space.largest).macs - 1
    timed, found = [], []
    for number in range(1, parts + 1):
        machine = Machine(number)
        told = (machine.latency_of, machine.latencies_of if at_once else None)
        allowed = Allowed(space, Budget(max_macs=macs, max_latency=bound), costs_of, *told)
        machine.timed.clear()  # of the smallest, which has to be possible
        found.append([*choose(allowed, (number, parts))])
        timed.append(set(machine.timed))
        assert all(machine.latency_of(widths) <= bound for widths in found[-1])
        assert found[-1] == sorted(found[-1], reverse=True)
    return timed, found


def assert_disjoint(sets):
    assert len(set().union(*sets)) == sum(map(len, sets))


CHOICES = {
    "exhaustive": exhaustive,
    "sample": lambda allowed, part: sample(allowed, 1000, 0, part),
    "configs": lambda allowed, part: named_ones(allowed, [*SMALL], part)[0],
}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("parts", [2, 3, 7])
@pytest.mark.parametrize("choice", CHOICES)
def test_each_sub_network_is_timed_in_one_shard_and_found_there_if_it_is_fast(choice, parts, at_once):
    if at_once and choice != "exhaustive":
        parts = 2  # these ask for one after the other in any case
    timed, found = shards(SMALL, CHOICES[choice], 62.0, parts, at_once=at_once)
    assert_disjoint(timed)
    assert set().union(*timed) == {*SMALL} - {SMALL.largest}  # whose MACs are above the bound
    assert max(map(len, timed)) - min(map(len, timed)) <= 1
    for number, (own, kept) in enumerate(zip(timed, found, strict=True), 1):
        machine = Machine(number)
        assert {*kept} == {widths for widths in own if machine.latency_of(widths) <= 62.0}
        assert 0 < len(kept) < len(own)


@pytest.mark.parametrize(("space", "bound", "listable"), [(SMALL, 62.0, 1 << 25), (LARGE, 200.0, 10)])
def test_the_shards_of_a_sample_have_as_many_as_were_asked_for_and_share_none(monkeypatch, space, bound, listable):
    monkeypatch.setattr("ganc.models.listing.LISTABLE", listable)
    timed, found = shards(space, lambda allowed, part: sample(allowed, 32, 5, part), bound, 3)
    assert [len(part) for part in found] == [11, 11, 10]
    assert_disjoint(timed)
    other = shards(space, lambda allowed, part: sample(allowed, 32, 6, part), bound, 3)[1]
    assert other != found


def test_a_list_says_what_was_left_out():
    budget = Budget(max_macs=COSTS(SMALL.largest).macs - 1, max_latency=55.0)
    named = [SMALL.largest, *[*SMALL][10:30], SMALL.smallest]
    found, left_out = named_ones(Allowed(SMALL, budget, COSTS, Machine(0).truly), named)
    assert found == [widths for widths in named[1:] if sum(widths) <= 55]
    assert left_out == len(named) - len(found) > 1


@pytest.mark.parametrize("choice", CHOICES)
def test_more_shards_than_sub_networks_are_refused(choice):
    allowed = Allowed(SMALL, Budget(max_latency=99.0), COSTS, Machine(0).truly)
    with pytest.raises(RunError, match=r"--shard 900/900: only 162 sub-networks, use fewer shards"):
        CHOICES[choice](allowed, (900, 900))


@pytest.mark.skipif(not usable_engines(graph_engines()), reason="neither OpenVINO nor ONNX Runtime is installed")
def test_the_command_s_shards_time_their_own_part_and_leave_out_what_is_slow_there(chain, tmp_path):
    arguments = ("ganc-search", "--supernet", chain.supernet, "--data", chain.data, *UNTRAINED_SET, "--device", "cpu")
    arguments += ("--space", FEW, "--latency", "measured")
    every = sorted(widths_of_space(FEW), reverse=True)
    own = {}
    for part in (1, 2):
        out = tmp_path / f"{part}.h5"
        succeed(*arguments, "--shard", f"{part}/2", "--max-latency", 1e6, "-o", out)
        own[part] = {row.widths for row in read_results(out)}
        header, lines = read_journal_file(tmp_path / f"{part}.h5.latency", FORMAT, VERSION, dict)
        timed = {name.removeprefix("subnet ") for line in lines for name in line}
        assert timed == {*map(format_widths, own[part] | {every[-1]})}
        # The second machine is faster by so much that all are within the bound there.
        times = {f"subnet {format_widths(widths)}": sum(widths) - 4.0 * (part - 1) for widths in every}
        described = {name: value for name, value in header.items() if name not in ("format", "version", "crc")}
        with closing(latency_file(tmp_path / f"{part}.h5.latency", described, restart=True)) as file:
            file.write(times)
        out.unlink()
        bound = ("--shard", f"{part}/2", "--max-latency", 61)
        succeed(*arguments, *bound, "-o", out)
        kept = {row.widths for row in read_results(out)}
        assert kept == {widths for widths in own[part] if sum(widths) - 4 * (part - 1) <= 61}
    assert_disjoint(own.values())
    assert own[1] | own[2] == {*every}
    (tmp_path / "list").write_text(format_widths(every[0]) + "\n" + format_widths(every[-1]) + "\n")
    for part in (1, 2):
        (tmp_path / f"{part}.h5").unlink()
    listed = ("--configs", tmp_path / "list", "--max-latency", 61, "--shard")
    succeed(*arguments, *listed, "2/2", "-o", tmp_path / "2.h5")
    # The larger one, which is too slow, is all that the first part has: that is a part all the same.
    said = succeed(*arguments, *listed, "1/2", "-o", tmp_path / "1.h5").stderr
    assert f"no sub-network of --shard 1/2 satisfies --max-latency 61: {tmp_path / '1.h5'} has no rows" in said
    assert json_of(*arguments, *listed, "1/2", "-o", tmp_path / "1.h5")["best"] == []
    empty = read_results(tmp_path / "1.h5")
    assert (len(empty), empty.facts["shard"]) == (0, "1/2")
    said = succeed("ganc", "merge", tmp_path / "1.h5", tmp_path / "2.h5", "-o", tmp_path / "all.h5").stderr
    assert "warning" not in said
    assert [row.widths for row in read_results(tmp_path / "all.h5")] == [every[-1]]
    # Where not even the smallest is fast enough, another machine may be faster.
    succeed(*arguments, "--shard", "1/2", "--max-latency", 0.0001, "-o", tmp_path / "none.h5")
    assert len(read_results(tmp_path / "none.h5")) == 0
    assert "--max-latency 0.0001: no sub-network of" in refusal(
        *arguments, "--max-latency", 0.0001, "-o", tmp_path / "whole.h5"
    )
