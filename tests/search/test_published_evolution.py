"""Evolution by the metric alone beside the published search, which the benchmark writes anew."""

from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SEEDS = 6


@pytest.fixture
def evolution(monkeypatch):
    """The benchmark that has both searches."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    import evolution

    return evolution


def test_it_is_not_worse_than_the_published_search(evolution):
    """After as many evaluations: the means differ by no more than the error of their difference."""
    problem = evolution.Problem("channels-32", 2.7, rugged=True)
    theirs, ours = (evolution.regrets(search, problem, SEEDS) for search in (evolution.published, evolution.evolved))
    error = np.hypot(*(one.std(axis=0, ddof=1) / np.sqrt(SEEDS) for one in (theirs, ours)))
    assert (ours.mean(axis=0) <= theirs.mean(axis=0) + error).all()
    assert (ours >= 0).all()
    assert (ours[:, -1] <= ours[:, 0]).all()


def test_the_published_search_as_it_was_written_keeps_to_the_budget_and_finds_the_best_of_a_smooth_metric(evolution):
    problem = evolution.Problem("channels-32", 2.7, rugged=False)
    trace = evolution.published(problem, 600, seed=0)
    assert all(problem.macs(widths) <= problem.limit for widths in trace.known)
    assert trace.regret(600) < 0.5
    assert trace.regret(100) > 1
