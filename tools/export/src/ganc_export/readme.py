"""The model card for people: README.md of an exported folder, with a program for each engine that runs it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from ganc.base.engine_table import ENGINES, FORMATS, PRECISIONS
from ganc.base.ranking_metric import metric_head, unverified_line
from ganc.base.text import format_count, with_error
from ganc.data.images import CHANNELS
from ganc.data.layout import ImageFormat
from ganc.data.levels import Levels
from ganc.files.card import CARD, CHECKPOINT, Variant
from ganc.files.checkpoint import Checkpoint
from ganc.metrics import Measurement, judged
from ganc.metrics.judgement import sentence
from ganc.metrics.pairs import pair_columns
from ganc.models.family import format_widths

LICENCE = "weights: as the teacher's and data's licence says"


@dataclass(frozen=True)
class Program:
    """A program that translates an image without ganc.

    Attributes:
        name: of its file in the folder `examples` beside this module.
        model: the model's path in it, which stands for a variant's.
        packages: what it needs, besides numpy and Pillow.
    """

    name: str
    model: str
    packages: str
    title: str


# By engine; the folder `examples` has them for an f32 model of three channels that takes floats.
PROGRAMS: Mapping[str, Program] = {
    "openvino": Program("run_openvino.py", "dist/openvino/generator.xml", "openvino", "OpenVINO"),
    "onnxruntime": Program("run_onnx.py", "dist/onnx/generator.onnx", "onnxruntime", "ONNX Runtime"),
    "paddle-inference": Program("run_paddle.py", "dist/paddle/generator.json", "paddlepaddle", "Paddle Inference"),
}


@dataclass(frozen=True)
class Row:
    """A file of the folder that holds the generator, as the card's table shows it.

    Attributes:
        variant: None is the checkpoint.
        difference: largest and mean difference to the checkpoint; None of itself.
        measured: how far its images are from the target; None where that was not measured.
    """

    variant: Variant | None
    bytes: int
    difference: tuple[float, float] | None = None
    measured: Measurement | None = None

    @property
    def name(self) -> str:
        return self.variant.name if self.variant else CHECKPOINT


@dataclass(frozen=True)
class Described:
    """What the card tells.

    Attributes:
        checkpoint: the standalone one.
        layout: what the models take and give.
        rows: the folder's files, the checkpoint first.
        metric: what the rows' distances stand on, as `Evaluation.facts` says; None where they were not measured.
        untouched: how far the untranslated images are.
    """

    checkpoint: Checkpoint
    layout: ImageFormat
    rows: Sequence[Row]
    metric: Mapping | None = None
    untouched: Measurement | None = None


def card_text(card: Described) -> str:
    """Return the card as Markdown; equal exports give equal texts."""
    spec = card.checkpoint.generator.spec
    source, target = card.checkpoint.direction.source, card.checkpoint.direction.target
    parts = [
        f"# Generator {format_widths(spec.widths)}\n",
        f"It translates images of domain {source} into domain {target}: a {spec.family} generator with {spec.n_blocks} "
        f"{spec.block} blocks, exported by ganc. `{CARD}` has all of this for programs.\n",
        *("## What it costs\n", _costs(card), ""),
        *("## What goes in and out\n", _input(card), ""),
        *("## How to run it\n", *_examples(card)),
        *("## How good it is\n", _quality(card), ""),
        *("## Where it comes from\n", _lineage(card.checkpoint), ""),
        *("## Licence\n", LICENCE, ""),
    ]
    return "\n".join(parts)


def _costs(card: Described) -> str:
    width, height = card.checkpoint.image_size
    costs = card.checkpoint.generator.spec.costs((width, height))
    said = [
        f"- {format_count(costs.macs)} multiply-accumulates for an image of {width}x{height}, of which a device "
        f"computes {format_count(costs.device_macs)}",
        f"- {format_count(costs.params)} parameters\n",
    ]
    return "\n".join(said) + "\n" + _table(card)


def _table(card: Described) -> str:
    """Return the table of the folder's files."""
    metric = metric_head(card.metric["name"], card.metric["verified"]) if card.metric else None
    head = ["file", "precision", "bytes", "largest difference", "on average"]
    head += [metric, "kernel distance", *_pairs(card.untouched)] if metric else []
    lines = [head, ["---"] * len(head)]
    for row in card.rows:
        cells = [f"`{row.name}`", row.variant.precision if row.variant else "f32", f"{row.bytes:,}"]
        cells += ["-", "-"] if row.difference is None else [f"{part:.1e}" for part in row.difference]
        lines.append(cells + (_distances(row.measured) if metric else []))
    if metric and card.untouched:
        lines.append(["untouched images", *"----", *_distances(card.untouched)])
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\nDifferences are to what `{CHECKPOINT}` makes, of values from -1 to 1."


def _distances(measured: Measurement | None) -> list[str]:
    if measured is None:
        return ["-", "-"]
    kernel = with_error(measured.kernel, measured.kernel_error)
    return [f"{measured.distance:.4f}", kernel, *_pairs(measured).values()]


def _pairs(measured: Measurement | None) -> dict[str, str]:
    """Return the columns of the ground truth, where it was measured against."""
    return pair_columns(measured.pairs.values()) if measured and measured.pairs else {}


def _input(card: Described) -> str:
    spec, layout = card.checkpoint.generator.spec, card.layout
    shape = " x ".join(map(str, layout.shape(spec.in_channels)))
    low, high = layout.describe()["range"]
    width, height = card.checkpoint.image_size
    said = [
        f"- input `image`: {layout.dtype}, {shape} ({layout.layout}), values from {low} to {high}, "
        f"{CHANNELS[spec.in_channels]}; any n",
        f"- output: alike, {spec.out_channels} channels ({CHANNELS[spec.out_channels]})",
        f"- width and height are multiples of {spec.shape.size_multiple}; it was trained on {width}x{height}",
    ]
    reading = card.checkpoint.readings.source(card.checkpoint.direction)
    if reading.levels:
        low, high = f"{reading.levels.low:g}", f"{reading.levels.high:g}"
        said.append(f"- stored values from {low} (black) to {high} (white) are spread over 8 bits first")
    return "\n".join(said)


def _examples(card: Described) -> Iterator[str]:
    yield "With ganc, from this folder:\n"
    yield "```sh\nganc translate . horse.png -o zebra.png\n```\n"
    yield '```python\nimport ganc\n\nganc.load(".").translate("horse.png").save("zebra.png")\n```\n'
    if any(row.variant and FORMATS[row.variant.format].page for row in card.rows):
        yield "In a browser on this machine; the folder `web` can be copied to any host of static files:\n"
        yield "```sh\nganc serve .\n```\n"
    for engine, variant in _runnable([row.variant for row in card.rows if row.variant]):
        program = PROGRAMS[engine]
        needs = f"{program.packages}, numpy and Pillow"
        yield f"Without ganc, in {program.title}: save this as `{program.name}`; it needs {needs}.\n"
        yield f"```python\n{program_text(program, variant, card)}```\n"


def _runnable(variants: Sequence[Variant]) -> Iterator[tuple[str, Variant]]:
    """Yield each engine that runs one of the variants, with that nearest to the checkpoint."""
    for engine in PROGRAMS:
        for name in ENGINES[engine].formats:
            found = [one for one in variants if one.format == name and one.precision in ENGINES[engine].precisions]
            if found:
                yield engine, min(found, key=lambda one: list(PRECISIONS).index(one.precision))
                break


def program_text(program: Program, variant: Variant, card: Described) -> str:
    """Return a program as it has to be for a variant: its path, what goes in and out, and the precision."""
    text = resources.files("ganc_export").joinpath("examples", program.name).read_text(encoding="utf-8")
    for old, new in _changes(program, variant, card):
        if old not in text:
            raise ValueError(f"{program.name} has no {old!r}")
        text = text.replace(old, new)
    return text


def _changes(program: Program, variant: Variant, card: Described) -> Iterator[tuple[str, str]]:
    """Yield what is replaced by what."""
    spec, layout = card.checkpoint.generator.spec, card.layout
    path = variant.path if FORMATS[variant.format].suffix else _program_file(variant)
    yield program.model, path
    levels = card.checkpoint.readings.source(card.checkpoint.direction).levels
    yield _PIXELS, _pixels(spec.in_channels, levels)
    yield "-height % 4", f"-height % {spec.shape.size_multiple}"
    yield "-width % 4", f"-width % {spec.shape.size_multiple}"
    yield "multiples of 4", f"multiples of {spec.shape.size_multiple}"
    if layout.bytes:
        order = "" if layout.channels_last else ".transpose(2, 0, 1)"
        yield _FLOATS_IN, f"image = np.ascontiguousarray(padded{order})[None]  # {_sizes(layout, spec.in_channels)}"
        yield _FLOATS_OUT, f"levels = translation[0]{'' if layout.channels_last else '.transpose(1, 2, 0)'}"
    else:
        yield "1 x 3 x height", f"1 x {spec.in_channels} x height"
    if spec.out_channels == 1:
        yield "[:height, :width])", "[:height, :width, 0])"
    if PRECISIONS[variant.precision].told:
        yield '"INFERENCE_PRECISION_HINT": "f32"', f'"INFERENCE_PRECISION_HINT": "{variant.precision}"'


_PIXELS = 'pixels = np.asarray(Image.open(source).convert("RGB"))\n'
_FLOATS_IN = (
    "image = padded.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1  # 1 x 3 x height x width, from -1 to 1"
)
_FLOATS_OUT = "levels = (translation[0].transpose(1, 2, 0) + 1) * 127.5"


def _pixels(channels: int, levels: Levels | None) -> str:
    """Return the lines that read an image as ganc reads it, 8 bits a channel."""
    if channels == 1:
        mode = "L" if levels is None else "F"  # of grey, F has all of 16 bits
        text = f'pixels = np.asarray(Image.open(source).convert("{mode}"))[..., None]\n'
    else:
        text = _PIXELS.replace("RGB", CHANNELS[channels])
    if levels is None:
        return text
    scaled = f"(pixels.astype(np.float64) - {levels.low:g}) / {levels.high - levels.low:g}"
    return text + f"pixels = np.rint(np.clip({scaled}, 0, 1) * 255).astype(np.uint8)\n"


def _program_file(variant: Variant) -> str:
    """Return the file of a variant that its engine is given, where the format names its files itself."""
    return next(name for name in variant.files if name.endswith((".json", ".pdmodel")))


def _sizes(layout: ImageFormat, channels: int) -> str:
    return " x ".join(map(str, [1, *layout.shape(channels)[1:]]))


def _quality(card: Described) -> str:
    facts = card.metric or card.checkpoint.training.get("metric")
    if not facts:
        return "It was not measured: `ganc-export --data DIR` measures what it writes."
    said = "The table above has Fréchet and kernel distances to images of the target domain"
    if not card.metric:
        said = f"In its training its Fréchet distance to images of the target domain was {facts['value']:.4f}"
    lines = [f"{said}: lower is nearer. They are measured on the features {facts['name']}, and stand on\n"]
    lines += [f"- {words}: {facts[name]}" for name, words in _STANDS_ON.items() if facts.get(name) is not None]
    if facts.get("verified") is False:
        lines.append(f"\n{unverified_line(facts['name'])}.")
    measured = card.rows[0].measured
    if card.untouched and measured:
        lines.append("\nUntouched images are the source domain's as they are; a generator has to be nearer than these.")
        if measured.pairs:
            lines.append(PAIRS)
        judgement = sentence(f"`{CHECKPOINT}`", judged(measured, card.untouched))
        lines += [f"**{judgement}.**"] if judgement else []
    return "\n".join(lines)


PAIRS = (
    "\nThe images are pairs: the mean absolute error (of values from 0 to 255) and SSIM (1 is equal) are those to each "
    "image's own ground truth."
)

_STANDS_ON = {
    "images": "translated images",
    "subset": "they are those of",
    "target_images": "images of the target domain",
    "reference": "of which part",
    "resize": "resized",
    "statistics": "digest of the target's statistics",
}


def _lineage(checkpoint: Checkpoint) -> str:
    lines = [f"- digest of this generator: `{checkpoint.digest}`"]
    lines += [f"- made from {role}: `{digest}`" for role, digest in sorted(checkpoint.sources.items())]
    return "\n".join(
        [*lines, "\n`ganc inspect --verify . CHECKPOINT…` checks this folder, and that it was made from these."]
    )
