"""Writing an ONNX graph node by node (opset 17), with the onnx package."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ganc.base.errors import ExportError
from ganc.base.extras import ONNX, require
from ganc.base.reading import one_line

OPSET = 17
IR_VERSION = 8  # the one that opset 17 came with, so that an engine of that time reads the file
_BEFORE_FIRST = -(2**31)  # where a slice ends that runs backwards down to the first place

require(ONNX)
import onnx  # noqa: E402


class GraphBuilder:
    """Collects nodes and constants in the order in which they are added; values are named by strings.

    Equal calls give equal bytes. The calls that return a value's name say in which order nodes run, so the graph is
    sorted by construction.

    Attributes:
        dtype: the floats that the network's own numbers are stored and computed in.
        exact_norms: write instance norms as sums over columns, then over rows.
    """

    def __init__(self, name: str, dtype: type = np.float32, exact_norms: bool = False):
        self._name = name
        self.dtype, self.exact_norms = dtype, exact_norms
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, dtype: npt.DTypeLike, shape: Sequence[int | str]) -> str:
        """Add an input; a size that is a string is open, and equal strings are equal sizes."""
        self._inputs.append(_value_info(name, dtype, shape))
        return name

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in the graph's order."""
        return tuple(one.name for one in self._inputs)

    def constant(self, array: np.ndarray | np.generic, name: str | None = None) -> str:
        """Add a constant and return its name; one without a name of its own that is there already is used again."""
        array = np.asarray(array, order="C")
        if name is None:
            for known, tensor in self._constants.items():
                if known.startswith("constant_") and _same(tensor, array):
                    return known
            name = f"constant_{len(self._constants)}"
        self._constants[name] = onnx.numpy_helper.from_array(array, name)
        return name

    def parameter(self, array: np.ndarray | float, name: str | None = None) -> str:
        """Add floats that belong to the network: a constant in the graph's own precision."""
        return self.constant(np.asarray(array).astype(self.dtype), name)

    def integers(self, values: Sequence[int]) -> str:
        """Add whole numbers, as operators take sizes, places and axes."""
        return self.constant(np.array(values, np.int64))

    def cast(self, x: str, dtype: type) -> str:
        """Add the conversion of a value to another type."""
        return self.node("Cast", x, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def node(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add a node of one output and return its value's name, `name` if given; an input "" is left out."""
        value = name or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(onnx.helper.make_node(operator, list(inputs), [value], name=value, **attributes))
        return value

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """Add the same numbers in another shape."""
        return self.node("Reshape", x, self.integers(shape))

    def slice(self, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> str:
        """Add the part of a value from `starts` to `ends`, without these, along some axes."""
        return self._slice(x, axes, starts, ends, 1)

    def reverse(self, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int] = ()) -> str:
        """Add the part from `starts` down to `ends`, without these, in reverse; without `ends` down to the first."""
        return self._slice(x, axes, starts, ends or [_BEFORE_FIRST] * len(axes), -1)

    def _slice(self, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int], step: int) -> str:
        return self.node("Slice", x, *map(self.integers, (starts, ends, axes, [step] * len(axes))))

    def output(self, value: str, name: str, dtype: npt.DTypeLike, shape: Sequence[int | str]) -> None:
        """Make a node's value an output of the graph under another name."""
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [name if known == value else known for known in names]
        self._outputs.append(_value_info(name, dtype, shape))

    def model(self) -> "onnx.ModelProto":
        """Return the graph as a model that onnx's checker and its shape inference have passed.

        Raises:
            ExportError: the graph is not valid.
        """
        graph = onnx.helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, initializer=list(self._constants.values())
        )
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="ganc"
        )
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ExportError(f"graph {self._name} is not valid: {one_line(error)}") from error
        return model

    def serialised(self) -> bytes:
        """Return the bytes of `model()`."""
        return self.model().SerializeToString(deterministic=True)


def _value_info(name: str, dtype: npt.DTypeLike, shape: Sequence[int | str]) -> "onnx.ValueInfoProto":
    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), list(shape))


def _same(tensor: "onnx.TensorProto", array: np.ndarray) -> bool:
    return (
        tuple(tensor.dims) == array.shape
        and tensor.data_type == onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        and tensor.raw_data == array.tobytes()
    )
