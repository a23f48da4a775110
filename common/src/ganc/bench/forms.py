"""Getting from a checkpoint or an exported folder to something that an engine runs in a precision."""

import tempfile
from pathlib import Path

import numpy as np

from ganc.base.errors import SpecError
from ganc.data.layout import FLOATS
from ganc.engines import Engine
from ganc.engines.exported import READERS, GraphEngine
from ganc.engines.loading import open_model
from ganc.engines.networks import read_network
from ganc.files.card import card_forms, read_card
from ganc.models.convolutions import NetworkState


class FormMaker:
    """Opens networks for one engine; what has to be written for that goes into `folder`.

    Its engines run on the threads that OMP_NUM_THREADS says.

    Attributes:
        device: where the engine runs.

    Raises:
        RunError: there is no such device.
    """

    def __init__(self, engine: str, device: str, folder: Path, direction: str | None):
        self.engine, self.device = engine, "cpu"
        self._folder, self._direction = folder, direction
        if engine.startswith("paddle"):
            from ganc.system.runtime import select_device

            self.device = select_device(device)

    def open(self, path: Path | None, precision: str) -> tuple[Engine, int]:
        """Return what runs the network of a file or folder (None: an untrained original), and its input channels.

        An exported folder's own form is taken where there is one, else one is made of its checkpoint.

        Raises:
            GancError: the engine cannot run it in that precision here, or it cannot be read.
        """
        if (self.engine, precision) == ("openvino", "bf16"):  # which a folder's own form also depends on
            _check_openvino(precision)
        state = read_network(path, self._direction)
        if path is not None and path.is_dir() and self._has_form(path, precision):
            own = open_model(path, self._direction, engine=self.engine, precision=precision)
            return own.engine, state.spec.in_channels
        return self._made(state, precision), state.spec.in_channels

    def _has_form(self, folder: Path, precision: str) -> bool:
        formats = READERS[self.engine].formats if self.engine in READERS else ()
        forms = card_forms(folder, read_card(folder))
        return any(form.format in formats and form.precision == precision for form in forms)

    def _made(self, state: NetworkState, precision: str) -> Engine:
        if precision == "int8":
            raise SpecError(
                "int8 is made of pictures; name a folder that ganc-export --precision int8 wrote, as --original too"
            )
        if self.engine == "paddle-eager":
            from ganc.engines.eager import EagerEngine
            from ganc.models.generator import Generator

            return EagerEngine(Generator.from_state(state))
        if self.engine == "paddle-inference":
            return self._traced(state)
        return self._compiled(state, precision)

    def _traced(self, state: NetworkState) -> Engine:
        from ganc.engines.inference import InferenceEngine
        from ganc.engines.tracing import save_inference_model
        from ganc.models.generator import Generator

        folder = Path(tempfile.mkdtemp(dir=self._folder))
        save_inference_model(Generator.from_state(state), folder)
        return InferenceEngine(folder, state.spec.shape.size_multiple)

    def _compiled(self, state: NetworkState, precision: str) -> Engine:
        from ganc.engines.compile import compile_graph
        from ganc.onnx_graphs.generator import generator_graph

        if precision == "f16" and self.engine == "onnxruntime":  # which computes in what the graph is written in
            graph = compile_graph(generator_graph(state, dtype=np.float16), self.engine)
        else:
            if self.engine == "openvino":
                _check_openvino(precision)
            graph = compile_graph(generator_graph(state), self.engine, precision)
        return GraphEngine(graph, FLOATS, state.spec.shape.size_multiple)


def _check_openvino(precision: str) -> None:
    """Refuse half precisions that OpenVINO would silently compute in another one."""
    from ganc.engines.openvino import capabilities

    needed = {"f16": "FP16", "bf16": "BF16"}.get(precision)
    if needed and needed not in capabilities():
        raise SpecError(f"this processor has no {precision} instructions that OpenVINO uses")
