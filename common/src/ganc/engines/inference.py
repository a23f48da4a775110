"""An exported Paddle inference model run by Paddle Inference."""

import tempfile
from pathlib import Path

import numpy as np

from ganc.base.errors import FileFormatError
from ganc.data.layout import FLOATS, ImageFormat
from ganc.engines.adapter import Adapter, translated
from ganc.engines.paddle_files import PARAMETERS, PROGRAMS
from ganc.files.card import Variant
from ganc.models.convolutions import NetworkState
from ganc.system.runtime import engine_threads, load_paddle

KEPT_SIZES = 10  # image sizes for which oneDNN keeps what it prepared; the least recently used one leaves first


class InferenceEngine:
    """Runs the inference model in a folder that `ganc-export` wrote.

    Raises:
        FileFormatError: there is no model in the folder, or Paddle cannot read it.
    """

    name = "paddle-inference"

    def __init__(self, folder: Path, size_multiple: int = 1, layout: ImageFormat = FLOATS, threads: int | None = None):
        self.size_multiple = size_multiple
        self._layout, self._folder = layout, folder
        program = next((folder / name for name in PROGRAMS if (folder / name).is_file()), None)
        if program is None or not (folder / PARAMETERS).is_file():
            raise FileFormatError(
                f"{folder}: no Paddle inference model, expected {PARAMETERS} and {' or '.join(PROGRAMS)}"
            )
        paddle = load_paddle()
        if program.suffix == ".json" and paddle.__version__.startswith("2."):
            raise FileFormatError(
                f"{program}: exported with Paddle 3, this is Paddle {paddle.__version__}; export it again with this one"
            )
        from paddle import inference  # after load_paddle, which sets Paddle up

        config = inference.Config(str(program), str(folder / PARAMETERS))
        config.disable_glog_info()
        if paddle.get_device() == "cpu":
            config.disable_gpu()
            config.set_cpu_math_library_num_threads(threads or engine_threads())
            name = "onednn" if hasattr(config, "enable_onednn") else "mkldnn"  # as Paddle 2 has it
            getattr(config, f"enable_{name}")()
            getattr(config, f"set_{name}_cache_capacity")(KEPT_SIZES)
        else:
            config.enable_use_gpu(256, int(paddle.get_device().partition(":")[2]))
        try:
            self._predictor = inference.create_predictor(config)
        except (RuntimeError, ValueError) as error:
            raise FileFormatError(f"{program}: Paddle Inference cannot load it; export it again") from error

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Translate float32 images (n, c, h, w) in [-1, 1]. Raises FileFormatError where the model is none for that."""
        return translated(self.run, self._layout, images, f"{self._folder}: {self.name}")

    def run(self, array: np.ndarray) -> np.ndarray:
        """Run the model, whatever it makes, on an array of its input's type and shape."""
        predictor = self._predictor
        predictor.get_input_handle(predictor.get_input_names()[0]).copy_from_cpu(np.ascontiguousarray(array))
        predictor.run()
        return predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu()


class InferenceAdapter(Adapter):
    """Makes Paddle Inference run networks."""

    def of_network(self, state: NetworkState, precision: str, threads: int | None = None) -> InferenceEngine:
        """Trace the network and load the inference model; its files are gone again afterwards."""
        from ganc.engines.tracing import save_inference_model  # this module exists without Paddle, that one does not
        from ganc.models.generator import Generator

        with tempfile.TemporaryDirectory(prefix="ganc-inference-") as folder:
            save_inference_model(Generator.from_state(state), Path(folder))
            return InferenceEngine(Path(folder), state.spec.shape.size_multiple, threads=threads)

    def of_variant(
        self, folder: Path, variant: Variant, layout: ImageFormat, size_multiple: int, threads: int | None = None
    ) -> InferenceEngine:
        """Load the variant's files."""
        return InferenceEngine(folder / variant.name, size_multiple, layout, threads)
