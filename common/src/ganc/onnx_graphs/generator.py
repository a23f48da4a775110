"""A generator, or one of its segments, as an ONNX graph: the entrance, the layers of its spec, the exit."""

import numpy as np

from ganc.data.layout import FLOATS, ImageFormat
from ganc.models.convolutions import NetworkState
from ganc.models.layers import placed
from ganc.models.spec import GeneratorSpec
from ganc.onnx_graphs.builder import GraphBuilder
from ganc.onnx_graphs.layers import LayerWriter

INPUT, OUTPUT = "image", "translation"


def generator_graph(
    state: NetworkState, layout: ImageFormat = FLOATS, dtype: type = np.float32, exact_norms: bool = False
) -> bytes:
    """Return the ONNX model of a generator for any number of images of any size that fits it.

    Args:
        layout: what goes in and comes out; bytes are converted inside the graph, as `ganc.data` does.
        dtype: np.float32, or np.float16 for weights and computation of half the size; inputs and outputs stay.
        exact_norms: instance norms that round less, for an engine whose own adds up the pixels one by one: OpenVINO's
            is off by 6e-4 after 9 blocks of 512x512 images in batches, and by 4e-2 where images are flat; this by 6e-5
            and 4e-4, in 1.35 times the time (docs/deployment.md).

    Raises:
        MissingDependencyError: the onnx package is not installed.
    """
    builder = GraphBuilder("generator", dtype, exact_norms)
    kind = np.dtype(layout.dtype)
    x = builder.input(INPUT, kind, layout.shape(state.spec.in_channels))
    x = write_generator(builder, write_entrance(builder, x, layout), state)
    builder.output(write_exit(builder, x, layout), OUTPUT, kind, layout.shape(state.spec.out_channels))
    return builder.serialised()


def segment_graph(state: NetworkState, segment: int) -> bytes:
    """Return the ONNX model of one segment, with its input's and its output's n, h and w open.

    Segment 0 clips its input, so that the segments one after another are the generator.
    """
    spec: GeneratorSpec = state.spec
    builder = GraphBuilder(f"segment {segment}")
    x = builder.input(INPUT, np.float32, ["n", spec.segment_channels(segment - 1), "height", "width"])
    x = write_segment(builder, write_entrance(builder, x) if segment == 0 else x, state, segment)
    builder.output(x, OUTPUT, np.float32, ["n", spec.segment_channels(segment), "output_height", "output_width"])
    return builder.serialised()


def write_generator(builder: GraphBuilder, x: str, state: NetworkState) -> str:
    """Add the nodes of all segments; `x` is what `write_entrance` returned."""
    for segment in range(state.spec.shape.segments):
        x = write_segment(builder, x, state, segment)
    return x


def write_segment(builder: GraphBuilder, x: str, state: NetworkState, segment: int) -> str:
    """Add the nodes of one segment; `x` is its input, of the channels that the state's spec says."""
    spec: GeneratorSpec = state.spec
    writer = LayerWriter(builder, state.tensors, _even(spec, segment))
    return writer.write(spec.segments[segment], x, spec.segment_channels(segment - 1))


def _even(spec: GeneratorSpec, segment: int) -> frozenset[str]:
    """Return the names of the convolutions whose output has an even width and height on every image that fits."""
    return frozenset(
        plan.name
        for plan, reduction in placed(spec.segments[segment], spec.segment_reduction(segment))[0]
        if spec.shape.size_multiple / (reduction * plan.stride) % 2 == 0
    )


def write_entrance(builder: GraphBuilder, x: str, layout: ImageFormat = FLOATS) -> str:
    """Add what makes values in [-1, 1], in the graph's precision, of the input: a clip, or the scaling of bytes."""
    if not layout.bytes:
        x = builder.node("Clip", x, builder.constant(np.float32(-1)), builder.constant(np.float32(1)))
    else:
        if layout.channels_last:
            x = builder.node("Transpose", x, perm=[0, 3, 1, 2])
        x = builder.node("Div", builder.cast(x, np.float32), builder.constant(np.float32(127.5)))
        x = builder.node("Sub", x, builder.constant(np.float32(1)))
    return x if builder.dtype == np.float32 else builder.cast(x, builder.dtype)


def write_exit(builder: GraphBuilder, x: str, layout: ImageFormat) -> str:
    """Add what makes the output of values in [-1, 1]: nothing, or bytes, truncated as `ganc.data` has it."""
    if builder.dtype != np.float32:
        x = builder.cast(x, np.float32)
    if not layout.bytes:
        return x
    x = builder.node("Add", x, builder.constant(np.float32(1)))
    x = builder.cast(builder.node("Mul", x, builder.constant(np.float32(127.5))), np.uint8)
    return builder.node("Transpose", x, perm=[0, 2, 3, 1]) if layout.channels_last else x
