"""Least squares in closed form, and the rows of a convolution, against numpy and against convolutions written out."""

import numpy as np
import pytest
from helpers import plain_networks as plain

from ganc.base.rng import keyed_generator
from ganc.models.convolutions import Convolution
from ganc.training.least_squares import (
    NormalEquations,
    Positions,
    as_matrix,
    as_weight,
    patches,
    rank_one_kernels,
)

HALVING = {"kernel": 3, "stride": 2, "padding": 1}


def draws(*shape, name="draws"):
    return keyed_generator(0, f"{name}/{shape}").normal(size=shape)


def test_parts_add_up_to_the_solution_of_the_whole():
    x, y = draws(50, 4), draws(50, 3)
    equations = NormalEquations(4, 3)
    for part in range(0, 50, 10):
        equations.add(x[part : part + 10], y[part : part + 10])
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(equations.solve(np.zeros((4, 3))), expected, atol=1e-6)


def test_what_the_inputs_do_not_decide_stays_as_it_was():
    x, y = draws(50, 2), draws(50, 1)
    equations = NormalEquations(4, 1)
    equations.add(np.column_stack([x, x[:, 1], np.zeros(50)]), y)
    solved = equations.solve(np.array([[5.0], [3.0], [1.0], [7.0]]))
    expected = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(solved[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(solved[1] + solved[2], expected[1], atol=1e-5)  # two equal inputs
    np.testing.assert_allclose(solved[1] - solved[2], 2.0, atol=1e-5)
    assert solved[3] == 7.0  # an input that is always 0
    np.testing.assert_array_equal(NormalEquations(4, 1).solve(solved), solved)


def test_several_problems_are_solved_side_by_side():
    x, y = draws(3, 40, 2), draws(3, 40, 1)
    equations = NormalEquations(3, 2, 1)
    equations.add(x, y)
    solved = equations.solve(np.zeros((3, 2, 1)))
    for one in range(3):
        np.testing.assert_allclose(solved[one], np.linalg.lstsq(x[one], y[one], rcond=None)[0], atol=1e-6)


@pytest.mark.parametrize(
    "shape",
    [
        {"kernel": 7, "reflect": 3},
        HALVING,
        {"kernel": (1, 3), "padding": (0, 1)},
        {"kernel": 3, "stride": 2, "end_padding": 1},
        {"kernel": 1},
        {"kernel": 3, "reflect": 1, "depthwise": True},
        {"transposed": True, **HALVING},
    ],
    ids=str,
)
def test_patches_times_the_weight_are_the_convolution(shape):
    channels = (4, 4) if shape.get("depthwise") else (4, 5)
    plan = Convolution(name="one", in_channels=channels[0], out_channels=channels[1], **shape)
    weight = draws(*plan.weight_shape).astype(np.float32)
    tensors = {"one.weight": weight, "one.bias": np.zeros(plan.out_channels)}
    x = draws(2, 4, 8, 6)
    if plan.transposed:
        expected = plain.upsampled(x, tensors, "one")
    else:
        padded = np.pad(plain.reflected(x, plan.reflect), ((0, 0), (0, 0), plan.sides[:2], plan.sides[2:]))
        expected = plain.convolution(padded, tensors, "one", stride=plan.stride)
    for most in (7, 10_000):
        at = Positions.drawn(*expected.shape[2:], most, keyed_generator(0, "places"))
        rows, wanted = patches(x, plan, at), at.of(expected)
        assert wanted.shape[1] == min(most, expected.shape[2] * expected.shape[3])
        if plan.depthwise:
            made = np.einsum("npct,ct->npc", rows, weight.reshape(4, -1))
        else:
            made = rows.reshape(*rows.shape[:2], -1) @ as_matrix(weight, plan)
            np.testing.assert_array_equal(as_weight(as_matrix(weight, plan), plan), weight)
        np.testing.assert_allclose(made, wanted, atol=1e-12)


def test_a_kernel_of_rank_one_is_found():
    kernels, outputs = draws(3, 9), draws(5, 3)
    weight = np.einsum("oc,ct->oct", outputs, kernels).reshape(5, 3, 3, 3)
    rows = draws(3, 30, 9)
    found = rank_one_kernels(weight, rows.swapaxes(1, 2) @ rows)
    for one, kernel in zip(found, kernels, strict=True):
        assert np.linalg.norm(one) == pytest.approx(1)
        assert abs(one @ kernel) == pytest.approx(np.linalg.norm(kernel), rel=1e-6)


def test_the_kernel_minds_what_the_inputs_are():
    """Inputs that are never at the first tap leave the rest of the kernels, which is of rank one, to be kept."""
    common = draws(9)
    weight = np.outer(draws(6), common)
    weight[:, 0] = 100 * draws(6, name="other")
    rows = draws(1, 50, 9)
    rows[..., 0] *= 1e-6
    (found,) = rank_one_kernels(weight.reshape(6, 1, 3, 3), rows.swapaxes(1, 2) @ rows)
    assert abs(found[1:] @ common[1:]) == pytest.approx(
        np.linalg.norm(found[1:]) * np.linalg.norm(common[1:]), rel=1e-3
    )
