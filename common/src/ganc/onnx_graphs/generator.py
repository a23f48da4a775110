"""A generator, or one of its stages, as an ONNX graph with no more in it than the mathematics needs.

An instance norm takes the mean away, so a bias in front of it has no effect and is left out; the output convolution has
its bias inside. The structure is that of `ganc.models.generator`; one writer serves whole generators and single stages.
"""

import numpy as np

from ganc.data.layout import FLOATS, ImageFormat
from ganc.models.convolutions import INSTANCE_NORM_EPSILON, Convolution, NetworkState
from ganc.onnx_graphs.blockwise import BLOCK, blockwise, fits_a_vector
from ganc.onnx_graphs.builder import GraphBuilder

INPUT, OUTPUT = "image", "translation"


def generator_graph(
    state: NetworkState, pictures: ImageFormat = FLOATS, dtype: type = np.float32, exact_norms: bool = False
) -> bytes:
    """Return the ONNX model of a generator for any number of pictures of any size that fits it.

    Args:
        pictures: what goes in and comes out; bytes are converted inside the graph, as `ganc.data` does.
        dtype: np.float32, or np.float16 for weights and computation of half the size; inputs and outputs stay.
        exact_norms: instance norms that round less, for a runtime whose own adds up the pixels one by one: OpenVINO's
            is off by 6e-4 after 9 blocks of 512x512 pictures in batches, and this by 6e-5 in 1.2 times the time.

    Raises:
        MissingDependencyError: the onnx package is not installed.
    """
    builder = GraphBuilder("generator", dtype, exact_norms)
    kind = np.dtype(pictures.dtype)
    x = builder.input(INPUT, kind, pictures.shape(state.spec.in_channels))
    x = write_generator(builder, write_entrance(builder, x, pictures), state)
    builder.output(write_exit(builder, x, pictures), OUTPUT, kind, pictures.shape(state.spec.out_channels))
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
    """Add the nodes of all stages; `x` is what `write_entrance` returned."""
    for stage in range(state.spec.shape.stages):
        x = write_stage(builder, x, state, stage)
    return x


def write_entrance(builder: GraphBuilder, x: str, pictures: ImageFormat = FLOATS) -> str:
    """Add what makes values in [-1, 1], in the graph's precision, of the input: a clip, or the scaling of bytes."""
    if not pictures.bytes:
        x = builder.node("Clip", x, builder.constant(np.float32(-1)), builder.constant(np.float32(1)))
    else:
        if pictures.channels_last:
            x = builder.node("Transpose", x, perm=[0, 3, 1, 2])
        x = builder.node("Div", builder.cast(x, np.float32), builder.constant(np.float32(127.5)))
        x = builder.node("Sub", x, builder.constant(np.float32(1)))
    return x if builder.dtype == np.float32 else builder.cast(x, builder.dtype)


def write_exit(builder: GraphBuilder, x: str, pictures: ImageFormat) -> str:
    """Add what makes the output of values in [-1, 1]: nothing, or bytes, truncated as `ganc.data` has it."""
    if builder.dtype != np.float32:
        x = builder.cast(x, np.float32)
    if not pictures.bytes:
        return x
    x = builder.node("Add", x, builder.constant(np.float32(1)))
    x = builder.cast(builder.node("Mul", x, builder.constant(np.float32(127.5))), np.uint8)
    return builder.node("Transpose", x, perm=[0, 2, 3, 1]) if pictures.channels_last else x


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
    weight, bias = (state.tensors[f"{plan.name}.{kind}"] for kind in ("weight", "bias"))
    if plan.reflect:
        margins = np.array([0, 0, plan.reflect, plan.reflect] * 2, np.int64)
        x = builder.node("Pad", x, builder.constant(margins), mode="reflect")
    if not plan.normalised and fits_a_vector(plan.out_channels):
        weight, bias = blockwise(weight, bias)
        x = _node(builder, "Conv", x, plan, weight, bias, strides=[BLOCK] * 2)
        return builder.node("DepthToSpace", x, blocksize=BLOCK, mode="CRD")
    if not plan.normalised:
        return _node(builder, "Conv", x, plan, weight, bias)
    if plan.transposed:
        x = _node(builder, "ConvTranspose", x, plan, weight, output_padding=[plan.stride - 1] * 2)
    else:
        x = _node(builder, "Conv", x, plan, weight)
    return _instance_norm(builder, x, plan.out_channels)


def _node(
    builder: GraphBuilder,
    operator: str,
    x: str,
    plan: Convolution,
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    **attributes: object,
) -> str:
    """Add the convolution itself; `attributes` override what the plan says."""
    operands = [builder.parameter(weight, f"{plan.name}.weight")]
    if bias is not None:
        operands.append(builder.parameter(bias, f"{plan.name}.bias"))
    sides = {"strides": [plan.stride] * 2, "pads": [plan.padding] * 4, "group": plan.groups, **attributes}
    return builder.node(operator, x, *operands, name=plan.name, kernel_shape=list(weight.shape[2:]), **sides)


def _instance_norm(builder: GraphBuilder, x: str, channels: int) -> str:
    if builder.exact_norms:
        return _exact_instance_norm(builder, x)
    ones, zeros = builder.parameter(np.ones(channels)), builder.parameter(np.zeros(channels))
    return builder.node("InstanceNormalization", x, ones, zeros, epsilon=INSTANCE_NORM_EPSILON)


def _exact_instance_norm(builder: GraphBuilder, x: str) -> str:
    centred = builder.node("Sub", x, _mean(builder, x))
    variance = _mean(builder, builder.node("Mul", centred, centred))
    spread = builder.node("Sqrt", builder.node("Add", variance, builder.parameter(INSTANCE_NORM_EPSILON)))
    return builder.node("Div", centred, spread)


def _mean(builder: GraphBuilder, x: str) -> str:
    """Average the pixels of each row, then the rows: short sums lose less than one long one."""
    rows = builder.node("ReduceMean", x, axes=[3], keepdims=1)
    return builder.node("ReduceMean", rows, axes=[2], keepdims=1)
