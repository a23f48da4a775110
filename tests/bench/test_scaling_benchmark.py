"""benchmarks/horse2zebra_cost.py: the formula that docs/scaling.md gives, on numbers that are worked out by hand."""

from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def cost(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import horse2zebra_cost

    return horse2zebra_cost


def test_hours_are_epochs_times_images_times_seconds(cost):
    rows = {row["stage"]: row for row in cost.cost_rows({name: 9.0 for name in cost.STAGES})}
    assert rows["replace"]["steps"] == 200 * 1334
    assert rows["finetune"]["CPU hours"] == pytest.approx(100 * 1334 * 9 / 3600)
    assert rows["all"]["CPU hours"] == pytest.approx(900 * 1334 * 9 / 3600)


def test_flops_of_a_distillation_step_are_those_of_its_passes(cost):
    """The student's MACs three times, the teacher's once, the discriminator's eight times, two FLOPs each."""
    rows = {row["stage"]: row for row in cost.cost_rows({})}
    teacher, student, discriminator = 18.31, 4.93, 3.28  # GMACs, as ganc profile has those of the generators
    assert rows["distill"]["GFLOPs a step"] == pytest.approx(2 * (teacher + 3 * student + 8 * discriminator), rel=1e-3)
    hours = rows["distill"]["steps"] * rows["distill"]["GFLOPs a step"] / (15_700 * 0.3) / 3600
    assert rows["distill"]["V100, estimated"] == pytest.approx(hours)
