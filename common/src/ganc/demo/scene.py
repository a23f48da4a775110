"""The images of the demo set: a meadow with sky, clouds, hills, trees and flowers, and one or two animals on it."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ganc.demo.animals import Colour, draw_animal, draw_coat, paint_animal, sketch_animal
from ganc.demo.pencil import Pencil

_SKIES = (
    ((86, 148, 214), (196, 222, 240)),
    ((120, 172, 222), (226, 234, 236)),
    ((98, 134, 186), (240, 214, 184)),
    ((150, 168, 184), (220, 224, 222)),
    ((74, 128, 196), (238, 226, 198)),
)
_MEADOWS = (
    ((148, 178, 88), (74, 118, 44)),
    ((168, 180, 92), (96, 124, 50)),
    ((130, 168, 92), (56, 104, 48)),
    ((186, 176, 98), (122, 124, 56)),
)
_FLOWERS = ((240, 232, 214), (236, 200, 70), (206, 96, 110), (150, 120, 200))
_LIGHTS = ((1.0, 1.0, 1.0), (1.05, 1.0, 0.93), (0.94, 0.98, 1.04), (0.9, 0.9, 0.92), (1.06, 1.02, 0.98))


def draw_scene(
    draw: np.random.Generator, size: tuple[int, int], striped: bool, stripes: np.random.Generator | None = None
) -> Image.Image:
    """Return one RGB image of `size` = (width, height); between the domains only the animals' coats differ.

    Args:
        stripes: for plain animals, draws striped coats that take the place of theirs; all else stays as it is.
    """
    return _draw(draw, size, striped, stripes)


def draw_outlines(draw: np.random.Generator, size: tuple[int, int], striped: bool) -> tuple[Image.Image, Image.Image]:
    """Return two RGB images of `size` = (width, height): a scene's outlines on paper, and the scene.

    Hills, trees and animals are drawn by lines in their own colours; the horizon is a line of the sky's colour above
    one of the meadow's. Clouds, grass and light are in the scene alone.
    """
    paper = Image.new("RGB", _canvas_size(size), "white")
    scene = _draw(draw, size, striped, paper=paper)
    return paper.resize(size, Image.Resampling.LANCZOS), scene


def _canvas_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of what is drawn, which is larger than the image."""
    factor = 4 if max(size) <= 128 else 2
    return size[0] * factor, size[1] * factor


def _draw(
    draw: np.random.Generator,
    size: tuple[int, int],
    striped: bool,
    stripes: np.random.Generator | None = None,
    paper: Image.Image | None = None,
) -> Image.Image:
    """Return a scene, and draw its outlines onto `paper` of the canvas' size."""
    horizon = draw.uniform(0.26, 0.44)
    sky, meadow = _SKIES[draw.integers(len(_SKIES))], _MEADOWS[draw.integers(len(_MEADOWS))]
    canvas = _gradient(_canvas_size(size), horizon, sky, meadow)
    _paint_clouds(canvas, draw, horizon)
    if paper:
        pencil = Pencil(paper)
        _paint_hills(pencil, canvas.size, deepcopy(draw), horizon, sky[1], meadow[0])
        pencil.border(horizon * canvas.size[1], sky[1], meadow[0])
    _paint_hills(ImageDraw.Draw(canvas), canvas.size, draw, horizon, sky[1], meadow[0])
    _paint_patches(canvas, draw, horizon)
    _paint_grass(canvas, draw, horizon, meadow)
    _paint_animals(canvas, draw, horizon, striped, meadow, stripes, paper)
    light = np.array(_LIGHTS[draw.integers(len(_LIGHTS))]) * draw.uniform(0.94, 1.04)
    resized = canvas.resize(size, Image.Resampling.LANCZOS)
    return resized.point([min(255, round(level * gain)) for gain in light for level in range(256)])


def _gradient(size: tuple[int, int], horizon: float, sky: tuple, meadow: tuple) -> Image.Image:
    """Return the sky's two colours from the top to the horizon, and the meadow's two from there to the bottom."""
    places = (0, horizon, horizon + 1e-6, 1)
    rows = np.linspace(0, 1, size[1])
    channels = [np.interp(rows, places, [colour[c] for colour in (*sky, *meadow)]) for c in range(3)]
    column = np.stack(channels, axis=-1)[:, None].astype(np.uint8)
    return Image.fromarray(column).resize(size, Image.Resampling.NEAREST)


def _paint_clouds(canvas: Image.Image, draw: np.random.Generator, horizon: float) -> None:
    width, height = canvas.size
    mask = Image.new("L", canvas.size)
    pen = ImageDraw.Draw(mask)
    for _ in range(draw.integers(0, 4)):
        x, y = draw.uniform(0, 1), draw.uniform(0.05, 0.8) * horizon
        for _ in range(5):
            cx, cy = x + draw.uniform(-0.09, 0.09), y + draw.uniform(-0.012, 0.012)
            rx, ry = draw.uniform(0.04, 0.10), draw.uniform(0.012, 0.03)
            pen.ellipse(((cx - rx) * width, (cy - ry) * height, (cx + rx) * width, (cy + ry) * height), fill=190)
    canvas.paste((250, 248, 244), mask=mask.filter(ImageFilter.GaussianBlur(0.012 * width)))


def _paint_hills(
    pen: ImageDraw.ImageDraw,
    size: tuple[int, int],
    draw: np.random.Generator,
    horizon: float,
    haze: Colour,
    green: Colour,
) -> None:
    """Paint ranges of hills, the farther the hazier, and trees and bushes along the nearest one."""
    width, height = size
    x = np.linspace(0, 1, 33)
    deep = np.array(green) * (0.62, 0.72, 0.66)
    for clear in (0.35, 0.7)[draw.integers(2) :]:
        rise = draw.uniform(0.05, 0.13) * (1.2 - clear)
        sines = [draw.uniform(0.3, 1) * np.sin(2 * np.pi * (f * x + draw.random())) for f in (0.6, 1.3, 2.7)]
        waves = (sines[0] + sines[1] + sines[2]) / 3
        ridge = horizon - rise * (0.8 + waves)
        corners = [*zip(x * width, ridge * height, strict=True), (width, (horizon + 0.01) * height)]
        colour = clear * deep + (1 - clear) * (0.75 * np.array(haze) + (0, 6, 14))
        pen.polygon([*corners, (0, (horizon + 0.01) * height)], fill=tuple(int(v) for v in colour))
    for _ in range(draw.integers(0, 5)):
        _paint_tree(pen, draw, (draw.random() * width, (horizon + 0.008) * height), draw.uniform(0.03, 0.09) * height)


def _paint_tree(pen: ImageDraw.ImageDraw, draw: np.random.Generator, foot: tuple[float, float], tall: float) -> None:
    x, y = foot
    leaves = np.array((52, 84, 40)) + draw.integers(-12, 13, 3)
    pen.rectangle((x - 0.06 * tall, y - 0.4 * tall, x + 0.06 * tall, y), fill=(66, 50, 38))
    for lift, radius, shade in ((0.45, 0.42, 0.8), (0.7, 0.40, 0.95), (0.9, 0.28, 1.12)):
        for side in (-0.25, 0.2):
            cx, cy, r = x + (side + draw.uniform(-0.1, 0.1)) * tall, y - lift * tall, radius * tall
            pen.ellipse((cx - r, cy - 0.8 * r, cx + r, cy + 0.8 * r), fill=tuple(int(v) for v in leaves * shade))


def _paint_patches(canvas: Image.Image, draw: np.random.Generator, horizon: float) -> None:
    """Lighten and darken the meadow in soft patches, flatter towards the horizon."""
    width, height = canvas.size
    top = round(horizon * height)
    box = (0, top, width, height)
    for colour in ((44, 78, 26), (206, 206, 128)):
        noise = Image.fromarray(draw.integers(0, 110, (9, 5), dtype=np.uint8))
        canvas.paste(colour, box, noise.resize((width, height - top), Image.Resampling.BICUBIC))


def _paint_grass(canvas: Image.Image, draw: np.random.Generator, horizon: float, meadow: tuple) -> None:
    """Paint blades of grass and a few flowers, smaller and denser towards the horizon."""
    width, height = canvas.size
    pen = ImageDraw.Draw(canvas)
    depth = np.sort(draw.random(260))
    x, y = draw.random(260) * width, (horizon + 0.02 + (1 - horizon) * depth**1.3) * height
    blade, shade = (0.008 + 0.035 * depth) * height, draw.uniform(0.72, 1.22, 260)
    near = np.array(meadow[1])
    for left, foot, tall, tone, lean in zip(x, y, blade, shade, draw.uniform(-0.4, 0.4, 260), strict=True):
        colour = tuple(int(v) for v in np.minimum(near * tone, 255))
        pen.line((left, foot, left + lean * tall, foot - tall), fill=colour, width=max(1, width // 200))
    flower = _FLOWERS[draw.integers(len(_FLOWERS))]
    for place in draw.choice(260, int(draw.integers(0, 14)), replace=False):
        r = 0.15 * blade[place] + 0.002 * height
        pen.ellipse((x[place] - r, y[place] - r, x[place] + r, y[place] + r), fill=flower)


def _paint_animals(
    canvas: Image.Image,
    draw: np.random.Generator,
    horizon: float,
    striped: bool,
    meadow: tuple,
    stripes: np.random.Generator | None,
    paper: Image.Image | None,
) -> None:
    """Paint one animal, and in a fifth of the images a second one behind it, with grass about their hooves."""
    placed = [(draw.uniform(0.84, 0.95), draw.uniform(0.42, 0.52))]
    if draw.random() < 0.2:
        placed.insert(0, (horizon + draw.uniform(0.20, 0.28), draw.uniform(0.24, 0.32)))
    for foot, scale in placed:
        animal = draw_animal(draw, draw_coat(draw, striped), (0.5, foot), scale)
        if stripes is not None:
            animal = replace(animal, coat=draw_coat(stripes, striped=True))
        left, right = animal.reach
        shorter = min(canvas.size) / canvas.size[0]
        scale = min(scale, 0.94 / shorter / (right - left))
        leftmost, rightmost = 0.02 - shorter * scale * left, 0.98 - shorter * scale * right
        x = draw.uniform(leftmost, rightmost)
        animal = replace(animal, foot=(x, foot), scale=scale)
        if paper:
            sketch_animal(Pencil(paper), paper.size, animal, deepcopy(stripes or draw))
        paint_animal(canvas, animal, stripes or draw)
        _paint_tufts(canvas, draw, (x, foot), scale, meadow)


def _paint_tufts(canvas: Image.Image, draw: np.random.Generator, foot: tuple, scale: float, meadow: tuple) -> None:
    width, height = canvas.size
    unit = scale * min(canvas.size)
    pen = ImageDraw.Draw(canvas)
    for _ in range(26):
        x = foot[0] * width + draw.uniform(-0.75, 0.75) * unit
        y = foot[1] * height + draw.uniform(0.0, 0.06) * unit
        tip = (x + draw.uniform(-0.03, 0.03) * unit, y - draw.uniform(0.04, 0.10) * unit)
        colour = tuple(int(v) for v in np.array(meadow[1]) * draw.uniform(0.75, 1.15))
        pen.line((x, y, *tip), fill=colour, width=max(1, round(0.012 * unit)))
