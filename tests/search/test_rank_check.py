"""The rank check: its coefficients against scipy's, and what the command says."""

import numpy as np
import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import succeed

from ganc.base.rng import keyed_generator
from ganc_search.rank_check import RankCheck, kendall, spearman


@pytest.mark.parametrize("ties", [1000, 4])
@pytest.mark.parametrize("count", [3, 10, 101])
def test_both_coefficients_are_scipy_s(count, ties):
    stats = pytest.importorskip("scipy.stats", reason="the reference implementation")
    draws = keyed_generator(count, "ranks")
    first = draws.integers(ties, size=count).astype(float)
    second = np.where(draws.random(count) < 0.5, first, draws.integers(ties, size=count))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        first[0], second[0] = first[0] + 1, second[0] + 1
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)
    assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic, abs=1e-12)


def test_equal_and_reversed_orders():
    values = np.array([3.0, 1.0, 2.0, 9.0])
    for coefficient in (spearman, kendall):
        assert coefficient(values, np.exp(values)) == pytest.approx(1)
        assert coefficient(values, -values) == pytest.approx(-1)
        assert np.isnan(coefficient(values, np.ones(4)))


@pytest.mark.parametrize(
    ("tau", "says"), [(0.9, "reliably"), (0.6, "neighbours"), (0.1, "mostly chance"), (float("nan"), "the same")]
)
def test_it_says_what_that_means(tau, says):
    assert says in RankCheck("metric", 20, (60, 60), tau, tau).meaning


def test_the_command_prints_a_table_and_writes_nothing(supernet_file, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ("--supernet", supernet_file, "--data", tiny_data, "--device", "cpu", "--max-macs", "3M")
    with nothing_changes(tmp_path):
        said = succeed("ganc-search", *arguments, "--rank-check", 12)
        again = succeed("ganc-search", *arguments, "--rank-check", 12)
    assert said.stdout == again.stdout
    heads, _, row, sentence = said.stdout.splitlines()
    assert heads.split() == ["metric", "sub-networks", "pictures", "Spearman", "Kendall"]
    assert row.split()[:5] == ["untrained-conv3-v1", "12", "2", "and", "2"]
    assert all(-1 <= float(value) <= 1 for value in row.split()[5:])
    assert sentence.startswith("The halves order ")


def test_two_pictures_are_too_few(supernet_file, split_data):
    arguments = ("--supernet", supernet_file, "--data", split_data, "--device", "cpu", "--rank-check", 5)
    assert "2 pictures are too few for two halves, at least 4" in refusal("ganc-search", *arguments)
