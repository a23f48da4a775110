"""A generator, or one of its stages, as an ONNX graph with no more in it than the mathematics needs.

An instance norm takes the mean away, so a bias in front of it has no effect and is left out; the output convolution has
its bias inside. The structure is that of `ganc.models.generator`; one writer serves whole generators and single stages.
"""

import numpy as np

from ganc.graphs.builder import GraphBuilder
from ganc.models.plan import INSTANCE_NORM_EPSILON, Convolution, NetworkState

INPUT, OUTPUT = "image", "translation"


def generator_graph(state: NetworkState) -> bytes:
    """Return the ONNX model of a generator: float32 (n, c, h, w) in and out, n, h and w open, values in [-1, 1].

    Raises:
        MissingDependencyError: the onnx package is not installed.
    """
    builder = GraphBuilder("generator")
    x = builder.input(INPUT, np.float32, ["n", state.spec.in_channels, "height", "width"])
    x = write_generator(builder, x, state)
    builder.output(x, OUTPUT, np.float32, ["n", state.spec.out_channels, "height", "width"])
    return builder.serialised()


def stage_graph(state: NetworkState, stage: int) -> bytes:
    """Return the ONNX model of one stage, with its input's and its output's n, h and w open.

    Stage 0 clips its input, so that the stages one after another are the generator.
    """
    builder = GraphBuilder(f"stage {stage}")
    plans = state.spec.stage_convolutions()[stage]
    x = builder.input(INPUT, np.float32, ["n", plans[0].in_channels, "height", "width"])
    x = write_stage(builder, write_entrance(builder, x) if stage == 0 else x, state, stage)
    builder.output(x, OUTPUT, np.float32, ["n", plans[-1].out_channels, "output_height", "output_width"])
    return builder.serialised()


def write_generator(builder: GraphBuilder, x: str, state: NetworkState) -> str:
    """Add all of a generator's nodes; `x` is its input."""
    x = write_entrance(builder, x)
    for stage in range(state.spec.shape.stages):
        x = write_stage(builder, x, state, stage)
    return x


def write_entrance(builder: GraphBuilder, x: str) -> str:
    """Add the clip to [-1, 1]."""
    return builder.node("Clip", x, builder.constant(np.float32(-1)), builder.constant(np.float32(1)))


def write_stage(builder: GraphBuilder, x: str, state: NetworkState, stage: int) -> str:
    """Add the nodes of one stage; `x` is its input, of the channels that the state's spec says."""
    spec = state.spec
    plans = spec.stage_convolutions()[stage]
    if stage in spec.shape.block_stages:
        size = len(plans) // (spec.n_blocks // len(spec.shape.block_stages))
        for start in range(0, len(plans), size):
            x = _residual_block(builder, x, state, plans[start : start + size])
        return x
    for plan in plans:
        x = _convolution(builder, x, state, plan)
        x = builder.node("Relu", x) if plan.normalised else builder.node("Tanh", x)
    return x


def _residual_block(builder: GraphBuilder, x: str, state: NetworkState, plans: tuple[Convolution, ...]) -> str:
    """x + half(relu(half(x))); each half is one convolution, or a depthwise and a pointwise one."""
    inner = x
    for number, plan in enumerate(plans, 1):
        inner = _convolution(builder, inner, state, plan)
        if number == len(plans) // 2:
            inner = builder.node("Relu", inner)
    return builder.node("Add", x, inner)


def _convolution(builder: GraphBuilder, x: str, state: NetworkState, plan: Convolution) -> str:
    """Padding by reflection, convolution, instance norm: what of these the plan has."""
    if plan.reflect:
        margins = np.array([0, 0, plan.reflect, plan.reflect] * 2, np.int64)
        x = builder.node("Pad", x, builder.constant(margins), mode="reflect")
    operands = [x, builder.constant(state.tensors[f"{plan.name}.weight"], f"{plan.name}.weight")]
    if not plan.normalised:
        operands.append(builder.constant(state.tensors[f"{plan.name}.bias"], f"{plan.name}.bias"))
    sides = {
        "kernel_shape": [plan.kernel] * 2,
        "strides": [plan.stride] * 2,
        "pads": [plan.padding] * 4,
        "group": plan.groups,
    }
    if plan.transposed:
        x = builder.node("ConvTranspose", *operands, name=plan.name, output_padding=[plan.stride - 1] * 2, **sides)
    else:
        x = builder.node("Conv", *operands, name=plan.name, **sides)
    return _instance_norm(builder, x, plan.out_channels) if plan.normalised else x


def _instance_norm(builder: GraphBuilder, x: str, channels: int) -> str:
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    return builder.node(
        "InstanceNormalization", x, builder.constant(ones), builder.constant(zeros), epsilon=INSTANCE_NORM_EPSILON
    )
