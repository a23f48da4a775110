"""Stage 6: a generator alone, as a ganc checkpoint and as a Paddle inference model, verified before it counts."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ganc.data import EvaluationSet
from ganc.draws import keyed_generator
from ganc.engines import Engine
from ganc.engines.eager import EagerEngine
from ganc.engines.inference import PARAMETERS, InferenceEngine
from ganc.engines.loading import PADDLE_FOLDER
from ganc.errors import ExportError, InterruptedRun
from ganc.files.atomic import replacing_folder
from ganc.files.card import CARD, write_card
from ganc.files.checkpoint import GENERATOR, Checkpoint, read_checkpoint, require_stage, write_checkpoint
from ganc.metrics.evaluation import CACHE_BYTES, Evaluation, chosen_statistics, evaluation_pictures
from ganc.models.generator import Generator
from ganc.models.spec import Widths
from ganc.runtime import paddle
from ganc.signals import noticed_signals

STAGE = "export"
CHECKPOINT = "generator.safetensors"
LARGEST_DIFFERENCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        checkpoint: the standalone checkpoint.
        difference: the largest difference between a pixel value (in [-1, 1]) of the checkpoint and of the model.
        checked_on: (batch, height, width) of the pictures that were compared.
        bytes: of each written form, by its path below the folder.
        metrics: of each written form, measured here; empty without pictures.
        metric_name: what was measured.
    """

    checkpoint: Checkpoint
    difference: float
    checked_on: tuple[tuple[int, int, int], ...]
    bytes: Mapping[str, int]
    metrics: Mapping[str, float]
    metric_name: str


def standalone(checkpoint: Checkpoint, widths: Widths | None, role: str) -> Checkpoint:
    """Return a checkpoint of the generator alone, or of its sub-network.

    Args:
        role: what the source is, for the record: "checkpoint" or "supernet".

    Raises:
        SpecError: the widths do not fit.
    """
    state = checkpoint.generator
    training = {key: checkpoint.training[key] for key in ("image_size", "metric") if key in checkpoint.training}
    if widths is not None and widths != state.spec.widths:
        state = state.leading(state.spec.narrowed(widths))
        training.pop("metric", None)  # it was another network's
    return Checkpoint(
        stage=STAGE,
        task=checkpoint.task,
        direction=checkpoint.direction,
        networks={GENERATOR: replace(state, spec=replace(state.spec, dropout=0.0))},
        training=training,
        sources={role: checkpoint.digest},
    )


def export(checkpoint: Checkpoint, output: Path, data: Path | None = None) -> Exported:
    """Write checkpoint, inference model and card into the folder `output`, all or nothing.

    Args:
        data: pictures to verify on, and to measure the metric of both forms on; None verifies on random ones.

    Raises:
        ExportError: the model's pictures differ from the checkpoint's.
        InterruptedRun: Ctrl-C or SIGTERM came while the model was traced.
        WriteError: the folder cannot be written, or is somebody else's.
    """
    generator = Generator.from_state(checkpoint.generator)
    generator.eval()
    with replacing_folder(output, marker=CARD) as folder:
        write_checkpoint(folder / CHECKPOINT, checkpoint)
        _save_inference_model(generator, folder / PADDLE_FOLDER)
        saved = Generator.from_state(read_checkpoint(folder / CHECKPOINT).generator)
        pictures = list(_pictures(checkpoint, data))
        engines = {CHECKPOINT: EagerEngine(saved), PADDLE_FOLDER: InferenceEngine(folder / PADDLE_FOLDER)}
        difference = _largest_difference(*engines.values(), pictures)
        if not difference < LARGEST_DIFFERENCE:
            raise ExportError(
                f"{output}: the exported model differs from the checkpoint by {difference:.2g}, "
                f"less than {LARGEST_DIFFERENCE:g} was expected; nothing was written"
            )
        checked_on = tuple((images.shape[0], *images.shape[2:]) for images in pictures)
        metric_name, metrics = _measured(engines, checkpoint, data) if data else ("metric", {})
        write_card(folder, _card(checkpoint, difference, checked_on))
        model_bytes = sum(file.stat().st_size for file in (folder / PADDLE_FOLDER).iterdir())
        sizes = {CHECKPOINT: (folder / CHECKPOINT).stat().st_size, PADDLE_FOLDER: model_bytes}
    return Exported(checkpoint, difference, checked_on, sizes, metrics, metric_name)


def read_source(path: Path, direction: str | None, stages: tuple[str, ...] | None = None) -> Checkpoint:
    """Read a checkpoint, facing `direction` (None: its own), of one of `stages` (None: of any).

    Raises:
        FileFormatError: it is none, of another stage, or of the other direction only.
    """
    checkpoint = read_checkpoint(path)
    if stages:
        require_stage(checkpoint, path, stages, "--supernet")
    return checkpoint.facing(direction or checkpoint.direction, path)


def _save_inference_model(generator: Generator, folder: Path) -> None:
    """Trace the generator for any batch, height and width; the graph has the plain form of every convolution.

    Tracing is enough, as nothing in a generator depends on values: Paddle's rewriting of Python code is switched off.
    """
    generator.forward = paddle.jit.not_to_static(generator.forward)
    shape = [None, generator.spec.in_channels, None, None]
    picture = paddle.static.InputSpec(shape=shape, dtype="float32", name="image")
    prefix = folder / PARAMETERS.removesuffix(".pdiparams")
    with noticed_signals() as signalled:  # an exception in the midst of tracing makes Paddle crash
        paddle.jit.save(paddle.jit.to_static(generator, input_spec=[picture], full_graph=True), str(prefix))
    if signalled():
        raise InterruptedRun("stopped: nothing was written", signalled())


def _pictures(checkpoint: Checkpoint, data: Path | None) -> Iterator[np.ndarray]:
    """Yield what is compared: two batch sizes at two picture sizes, real pictures where there are some."""
    width, height = _image_size(checkpoint)
    for batch, size in ((1, (width, height)), (2, (width + 4, height + 8))):
        if data is None:
            draws = keyed_generator(0, "export/pictures", batch)
            channels = checkpoint.generator.spec.in_channels
            yield draws.uniform(-1, 1, (batch, channels, size[1], size[0])).astype(np.float32)
        else:
            pictures, _ = evaluation_pictures(data, checkpoint.direction[0])
            yield next(EvaluationSet(pictures, size).batches(batch))


def _measured(engines: Mapping[str, Engine], checkpoint: Checkpoint, data: Path) -> tuple[str, dict[str, float]]:
    """Return the metric's name and each engine's value on the source domain's test pictures."""
    size = _image_size(checkpoint)
    source, target = checkpoint.direction[0], checkpoint.direction[-1]
    statistics, features = chosen_statistics(data, target, size, None, None)
    pictures, subset = evaluation_pictures(data, source)
    evaluation = Evaluation(EvaluationSet(pictures, size, CACHE_BYTES), subset, statistics, features)
    return features.name, {form: evaluation.measure(engine) for form, engine in engines.items()}


def _image_size(checkpoint: Checkpoint) -> tuple[int, int]:
    return tuple(checkpoint.training.get("image_size", (256, 256)))


def _largest_difference(first: EagerEngine, second: InferenceEngine, pictures: list[np.ndarray]) -> float:
    # numpy's maximum, as Python's may pass over what is not a number
    return float(np.max([np.abs(first(images) - second(images)).max() for images in pictures]))


def _card(checkpoint: Checkpoint, difference: float, checked_on: tuple) -> dict:
    size = _image_size(checkpoint)
    spec = checkpoint.generator.spec
    return {
        "digest": checkpoint.digest,
        "direction": checkpoint.direction,
        "generator": asdict(spec),
        "image_size": size,
        "costs": asdict(spec.costs(size)),
        "metric": checkpoint.training.get("metric"),
        "sources": dict(checkpoint.sources),
        "input": {
            "layout": "NCHW",
            "dtype": "float32",
            "range": [-1, 1],
            "size": f"width and height multiples of {spec.shape.size_multiple}",
        },
        "verified": {"largest_difference": difference, "batch_height_width": checked_on},
    }
