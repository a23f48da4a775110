"""The rank check: its coefficients, and what the command says."""

import numpy as np
import pytest
from helpers.stages import nothing_changes, refusal
from helpers.support import UNTRAINED_SET, succeed

from ganc_search.rank_check import RankCheck, correlations


def test_the_coefficients_of_orders_counted_by_hand():
    """Of four values one pair of neighbours is swapped: 1 - 6 * 2 / (4 * 15), and 5 pairs less 1 of 6."""
    values = np.array([3.0, 1.0, 2.0, 9.0])
    assert correlations(values, np.exp(values)) == pytest.approx((1, 1))
    assert correlations(values, -values) == pytest.approx((-1, -1))
    assert correlations(values, [3.0, 2.0, 1.0, 9.0]) == pytest.approx((0.8, 2 / 3))
    assert np.isnan(correlations(values, np.ones(4))).all()


@pytest.mark.parametrize(
    ("tau", "says"), [(0.9, "reliably"), (0.6, "neighbours"), (0.1, "mostly chance"), (float("nan"), "the same")]
)
def test_it_says_what_that_means(tau, says):
    assert says in RankCheck("metric", 20, (60, 60), tau, tau).meaning


def test_the_command_prints_a_table_and_writes_nothing(supernet_file, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = (
        "--supernet",
        supernet_file,
        "--data",
        tiny_data,
        *UNTRAINED_SET,
        "--device",
        "cpu",
        "--max-macs",
        "3M",
    )
    with nothing_changes(tmp_path):
        said = succeed("ganc-search", *arguments, "--rank-check", 12)
        again = succeed("ganc-search", *arguments, "--rank-check", 12)
    assert said.stdout == again.stdout
    heads, _, row, sentence = said.stdout.splitlines()
    assert heads.split() == ["metric", "sub-networks", "images", "Spearman", "Kendall"]
    assert row.split()[:5] == ["untrained-conv3-v1-kid", "12", "2", "and", "2"]
    assert all(-1 <= float(value) <= 1 for value in row.split()[5:])
    assert sentence.startswith("The halves order ")


def test_two_images_are_too_few(supernet_file, split_data):
    arguments = (
        "--supernet",
        supernet_file,
        "--data",
        split_data,
        *UNTRAINED_SET,
        "--device",
        "cpu",
        "--rank-check",
        5,
    )
    assert "at least 4" in refusal("ganc-search", *arguments)


def test_a_dry_run_of_a_rank_check_is_refused_instead_of_run(supernet_file, split_data):
    command = ("ganc-search", "--supernet", supernet_file, "--data", split_data, "--rank-check", 3, "--dry-run")
    assert "leave out --dry-run" in refusal(*command, status=2)
