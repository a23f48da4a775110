"""The folder of the format `web`: page, generators, runtime and samples, with a manifest that names them."""

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

import numpy as np

from ganc.base.errors import SpecError
from ganc.base.rng import keyed_generator
from ganc.base.settings import setting
from ganc.data import save_image
from ganc.data.images import BYTES, CHANNELS, Size, resize
from ganc.data.layout import ImageFormat
from ganc.data.levels import Levels
from ganc.data.reading import Reading, covering
from ganc.demo.scene import draw_scene
from ganc.files.checkpoint import Checkpoint
from ganc.models.convolutions import NetworkState
from ganc.system.static_server import HEADERS, POLICY
from ganc_export.web.runtime import PARTS, VERSION, find_runtime, runtime_file

MANIFEST = "page.json"
FORMAT, FORMAT_VERSION = "ganc-page", 1
TITLE = "Translate an image in your browser"
ORIGINAL = "original.onnx"
DRAWN_SAMPLES = 4
LICENCE = "onnxruntime-web-LICENSE.txt"
# For hosts that read this file (Netlify, Cloudflare Pages).
HOST_HEADERS = "".join(["/*\n", *(f"  {name}: {value}\n" for name, value in HEADERS.items())])


@dataclass(frozen=True, kw_only=True)
class PageSettings:
    """What the page shows besides the generator.

    Attributes:
        title: its heading.
        original: the checkpoint of the generator that was compressed, to run beside it; None leaves it out.
        samples: image files that visitors may try; none takes drawn ones.
        runtime: a folder with ONNX Runtime Web, as of `find_runtime`; None takes the cache's.
        webgpu: whether what WebGPU needs (27 MB) goes into the folder.
    """

    title: str = TITLE
    original: Path | None = None
    samples: tuple[Path, ...] = setting("Images to try.", (), names=("--sample",))
    runtime: Path | None = None
    webgpu: bool = True


@dataclass(frozen=True, kw_only=True)
class PageMaterial:
    """What the page is written from, all of it read and checked.

    Attributes:
        checkpoint: of the generator alone.
        original: of the one that was compressed; None where the page has none.
        runtime: the folder with the runtime's files.
        samples: uint8 images (h, w, channels).
    """

    checkpoint: Checkpoint
    title: str
    original: Checkpoint | None
    runtime: Path
    engines: tuple[str, ...]
    samples: tuple[np.ndarray, ...] = field(repr=False)


def page_material(checkpoint: Checkpoint, original: Checkpoint | None, settings: PageSettings) -> PageMaterial:
    """Read and check what a page is written from.

    Args:
        checkpoint: from `ganc_export.stage.standalone`.
        original: what the settings name, of the same direction.

    Raises:
        SpecError: the generator's images cannot be shown, or the original takes or gives other ones.
        DataError: a sample cannot be read.
        ExportError: the runtime is not there and cannot be fetched.
    """
    spec = checkpoint.generator.spec
    channels = (spec.in_channels, spec.out_channels)
    for count in channels:
        if count not in CHANNELS:
            raise SpecError(f"a page shows images of {', '.join(map(str, CHANNELS))} channels, not of {count}")
    if original:
        others = original.generator.spec
        if (others.in_channels, others.out_channels) != channels:
            raise SpecError(
                f"{settings.original}: translates {others.in_channels} to {others.out_channels} channels, the "
                f"compressed generator {channels[0]} to {channels[1]}; name what it was compressed from"
            )
    return PageMaterial(
        checkpoint=checkpoint,
        title=settings.title,
        original=original,
        runtime=find_runtime(settings.runtime),
        engines=("wasm", "webgpu") if settings.webgpu else ("wasm",),
        samples=tuple(_samples(checkpoint, settings.samples)),
    )


def write_page(graph: Path, layout: ImageFormat, material: PageMaterial, original: bytes | None) -> None:
    """Write all that belongs to the page into the folder that holds the generator's graph already.

    Args:
        layout: what the graphs take and give.
        original: the original's graph.
    """
    folder = graph.parent
    for file in resources.files("ganc_export.web").joinpath("site").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    index = folder / "index.html"
    text = index.read_text(encoding="utf-8").replace("@policy@", POLICY)
    index.write_text(text.replace("@title@", html.escape(material.title)), encoding="utf-8")
    (folder / "_headers").write_text(HOST_HEADERS, encoding="utf-8")
    if original is not None:
        (folder / ORIGINAL).write_bytes(original)
    samples = _write_samples(folder, material.samples)
    runtime = _write_runtime(folder, material)
    content = _manifest(graph, layout, material, runtime) | {"samples": samples}
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _samples(checkpoint: Checkpoint, files: tuple[Path, ...]) -> Iterator[np.ndarray]:
    """Yield images for visitors to try: the files', or drawn ones of the source domain."""
    size, source = checkpoint.image_size, checkpoint.direction.source
    if not files:
        for index in range(DRAWN_SAMPLES):
            yield np.asarray(draw_scene(keyed_generator(0, "web/sample", index), size, striped=source == "B"))
    reading = Reading(channels=checkpoint.generator.spec.in_channels)  # the page applies the levels
    for path in files:
        image = reading.load(path)
        own = (image.shape[1], image.shape[0])
        yield resize(image, _no_larger(own, covering(own, size)))


def _no_larger(own: Size, size: Size) -> Size:
    return own if own[0] <= size[0] else size


def _write_samples(folder: Path, samples: tuple[np.ndarray, ...]) -> list[str]:
    names = [f"samples/{number}.png" for number in range(1, len(samples) + 1)]
    for name, image in zip(names, samples, strict=True):
        save_image(folder / name, image)
    return names


def _write_runtime(folder: Path, material: PageMaterial) -> dict:
    """Copy the runtime with its licence; return what the manifest says of it."""
    place = folder / "ort"
    place.mkdir()
    said: dict = {"version": VERSION}
    for engine in material.engines:
        part = PARTS[engine]
        for name in (part.script, part.binary):
            (place / name).write_bytes(runtime_file(material.runtime, name))
        binary = place / part.binary
        said[engine] = {"script": f"ort/{part.script}", "binary": _file(folder, binary)}
    licence = resources.files("ganc_export.web").joinpath(LICENCE)
    (place / "LICENSE.txt").write_bytes(licence.read_bytes())
    return said


def _manifest(graph: Path, layout: ImageFormat, material: PageMaterial, runtime: Mapping) -> dict:
    checkpoint, folder = material.checkpoint, graph.parent
    spec = checkpoint.generator.spec
    generators = {"compressed": _generator(folder, graph, checkpoint.generator, checkpoint.image_size)}
    if material.original:
        state = material.original.generator
        generators["original"] = _generator(folder, folder / ORIGINAL, state, checkpoint.image_size)
    described = layout.describe()
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "title": material.title,
        "direction": checkpoint.direction,
        "image_size": checkpoint.image_size,
        "size_multiple": spec.shape.size_multiple,
        "channels": [spec.in_channels, spec.out_channels],
        "input": {name: described[name] for name in ("dtype", "layout")},
        "levels": _level_table(checkpoint.readings.source(checkpoint.direction).levels),
        "generators": generators,
        "runtime": runtime,
    }


def _generator(folder: Path, graph: Path, state: NetworkState, size: Size) -> dict:
    costs = state.spec.costs(size)
    return {**_file(folder, graph), "params": costs.params, "macs": costs.macs}


def _file(folder: Path, path: Path) -> dict:
    return {"file": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size}


def _level_table(levels: Levels | None) -> list[int] | None:
    """Return what each of 256 stored values becomes before the generator; None where it stays."""
    if levels in (None, BYTES):
        return None
    return levels.to_bytes(np.arange(256, dtype=np.uint8)).tolist()
