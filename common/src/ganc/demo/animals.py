"""The animals of the demo set: a posable horse made of limbs, in a plain or a striped coat, drawn with Pillow.

An animal is drawn in its own units: the ground is y = 0, the withers are near y = 1, and it faces right. A limb is a
smooth centre line with a radius at each point; stripes run across limbs, so that they follow the body in every pose.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

# Coats of domain A, from dark bay to palomino and grey: none is so light or so dark that it could pass for B's.
_PLAIN = ((92, 56, 34), (124, 72, 40), (150, 88, 48), (176, 110, 58), (198, 142, 84), (132, 110, 92), (108, 102, 100))
_HAIR = ((38, 28, 24), (52, 38, 30), (28, 26, 28))


class Limb:
    """A tapering tube: control points (k, 2) and radii (k,), joined smoothly (Catmull and Rom's spline)."""

    def __init__(self, points: npt.ArrayLike, radii: Sequence[float], samples: int = 24):
        controls = np.column_stack([np.array(points, dtype=float), radii])
        padded = np.vstack([2 * controls[0] - controls[1], controls, 2 * controls[-1] - controls[-2]])
        place = np.linspace(0, len(controls) - 1, samples)
        start = np.minimum(place.astype(int), len(controls) - 2)
        t = (place - start)[:, None]
        p0, p1, p2, p3 = (padded[start + offset] for offset in range(4))
        curve = 0.5 * (
            2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3
        )
        self.spine, self.radii = curve[:, :2], curve[:, 2]
        direction = np.gradient(self.spine, axis=0)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        self.normals = np.column_stack([-direction[:, 1], direction[:, 0]])
        self.place = np.linspace(0, 1, samples)

    def at(self, along: np.ndarray, across: np.ndarray) -> np.ndarray:
        """Return points (n, 2): `along` runs from 0 to 1, `across` from -1 to 1 between the limb's edges."""
        columns = (*self.spine.T, *self.normals.T, self.radii)
        x, y, nx, ny, r = (np.interp(along, self.place, column) for column in columns)
        return np.column_stack([x + across * r * nx, y + across * r * ny])

    def outline(self, flat_start: bool = False) -> np.ndarray:
        """Return the limb's edge (n, 2), with round ends, or with a straight one where it starts."""
        turn = np.linspace(0, np.pi, 9)[1:-1, None]
        side = self.normals * self.radii[:, None]
        # Along the outline the forward direction is the normal turned by -90 degrees.
        forward = np.column_stack([side[:, 1], -side[:, 0]])
        front = self.spine[-1] + np.cos(turn) * side[-1] + np.sin(turn) * forward[-1]
        back = self.spine[0] - np.cos(turn) * side[0] - np.sin(turn) * forward[0]
        return np.vstack([self.spine + side, front, (self.spine - side)[::-1], back[: 0 if flat_start else None]])

    def band(self, along: float, width: float, bow: float, reach: tuple[float, float]) -> np.ndarray:
        """Return a stripe (n, 2) across the limb at `along`, bowed forward, tapering where it ends inside the limb."""
        across = np.linspace(*reach, 9)
        middle = along + bow * (1 - across**2)
        low, high = (0.12 if abs(end) < 0.99 else 0.75 for end in reach)
        taper = np.interp(np.linspace(0, 1, 9), (0, 0.45, 1), (low, 1, high)) * width / 2
        edges = [self.at(np.clip(middle + sign * taper, 0, 1), across) for sign in (-1, 1)]
        return np.vstack([edges[0], edges[1][::-1]])


@dataclass(frozen=True)
class Coat:
    """The colours of one animal; `stripes` is None for a plain one."""

    base: Colour
    hair: Colour
    muzzle: Colour
    stripes: Colour | None


@dataclass(frozen=True)
class Animal:
    """One animal in place: its limbs, back to front, in its own units, and its place in the image.

    Attributes:
        limbs: by name.
        coat: its colours.
        foot: where it stands, in parts of the image's width and height.
        scale: the height of its withers in parts of the image's shorter side.
        mirrored: whether it faces left.
    """

    limbs: dict[str, Limb]
    coat: Coat
    foot: tuple[float, float]
    scale: float
    mirrored: bool

    @property
    def reach(self) -> tuple[float, float]:
        """How far it extends to the left and to the right of where it stands, in its own units."""
        across = np.concatenate([limb.spine[:, 0] for limb in self.limbs.values()])
        left, right = float(across.min()) - 0.07, float(across.max()) + 0.07
        return (-right, -left) if self.mirrored else (left, right)


def draw_coat(draw: np.random.Generator, striped: bool) -> Coat:
    """Draw a coat: brown, golden or grey, or near white with dark stripes. Mane and tail are dark in both."""
    base = np.array((236, 230, 216) if striped else _PLAIN[draw.integers(len(_PLAIN))], dtype=float)
    base += draw.normal(0, 3 if striped else 8) + draw.normal(0, 3, 3)
    hair = np.array(_HAIR[draw.integers(len(_HAIR))]) + draw.integers(-6, 7)
    muzzle = 0.35 * base + 0.65 * np.array((56, 44, 42))
    return Coat(_colour(base), _colour(hair), _colour(muzzle), _colour(hair * 0.8) if striped else None)


def draw_animal(draw: np.random.Generator, coat: Coat, foot: tuple[float, float], scale: float) -> Animal:
    """Draw an animal's build and pose: head up or grazing, standing or walking, slim or stout, facing either side."""
    length, girth, leg = draw.uniform(0.86, 1.0), draw.uniform(0.94, 1.1), draw.uniform(0.94, 1.06)
    grazing = draw.random() < 0.28
    neck = np.radians(draw.uniform(-52, -38) if grazing else draw.uniform(28, 62))
    head = neck - np.radians(draw.uniform(30, 48) if grazing else draw.uniform(78, 100))
    stride = draw.uniform(0.02, 0.17) * draw.choice((-1, 1))
    swing = draw.uniform(-0.03, 0.03, 4) + stride * np.array((1, -1, -0.8, 0.8))
    limbs = _legs(length, leg, swing) | _trunk(length, girth, leg, neck, head, draw.uniform(-0.06, 0.12))
    return Animal(limbs, coat, foot, scale, bool(draw.integers(2)))


def paint_animal(canvas: Image.Image, animal: Animal, draw: np.random.Generator) -> None:
    """Paint the animal and its shadow onto an RGB canvas; `draw` makes the irregularities of its stripes."""
    layer = Image.new("RGB", canvas.size, animal.coat.base)
    mask = Image.new("L", canvas.size)
    brush = _Brush(ImageDraw.Draw(layer), ImageDraw.Draw(mask), canvas.size, animal)
    _paint_body(brush, animal, draw)
    unit = animal.scale * min(canvas.size)
    _paint_shadow(canvas, brush, unit)
    canvas.paste(_shaded(layer, mask, unit), mask=mask)


def sketch_animal(
    pencil: ImageDraw.ImageDraw, size: tuple[int, int], animal: Animal, draw: np.random.Generator
) -> None:
    """Draw the animal's shapes with a pen for an image of `size`; equal draws give the stripes of `paint_animal`."""
    unused = ImageDraw.Draw(Image.new("L", size))
    _paint_body(_Brush(pencil, unused, size, animal), animal, draw)


class _Brush:
    """Paints shapes given in an animal's units onto its layer and into its mask."""

    def __init__(self, layer: ImageDraw.ImageDraw, mask: ImageDraw.ImageDraw, size: tuple[int, int], animal: Animal):
        self._layer, self._mask = layer, mask
        unit = animal.scale * min(size)
        self._factor = np.array((-unit if animal.mirrored else unit, -unit))
        self._origin = np.array(animal.foot) * size

    def place(self, points: np.ndarray) -> list[tuple[float, float]]:
        return [tuple(point) for point in (points * self._factor + self._origin).tolist()]

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        corners = self.place(points)
        self._layer.polygon(corners, fill=colour)
        self._mask.polygon(corners, fill=255)

    def disc(self, centre: np.ndarray, radius: float, colour: Colour) -> None:
        turn = np.linspace(0, 2 * np.pi, 20)[:, None]
        self.polygon(centre + radius * np.hstack([np.cos(turn), np.sin(turn)]), colour)


def _legs(length: float, leg: float, swing: np.ndarray) -> dict[str, Limb]:
    limbs = {}
    for name, move, far in (("front", swing[0], 0.0), ("front far", swing[1], 0.06)):
        x = 0.36 * length - far
        points = [(x, 0.74), (x + 0.5 * move + 0.01, 0.37), (x + move, 0.12), (x + move + 0.015, 0.035)]
        limbs[name] = Limb([(px, py * leg) for px, py in points], [0.12, 0.054, 0.036, 0.05])
    for name, move, far in (("hind", swing[2], 0.0), ("hind far", swing[3], 0.06)):
        x = -0.43 * length + far
        points = [(x, 0.78), (x + 0.02 + 0.4 * move, 0.56), (x - 0.07 + 0.8 * move, 0.35)]
        points += [(x - 0.03 + move, 0.12), (x - 0.01 + move, 0.035)]
        limbs[name] = Limb([(px, py * leg) for px, py in points], [0.17, 0.125, 0.055, 0.038, 0.05])
    return limbs


def _trunk(length: float, girth: float, leg: float, neck: float, head: float, wag: float) -> dict[str, Limb]:
    lift = 0.78 * (leg - 1)
    spine = [(-0.60, 0.83), (-0.50, 0.825), (-0.32, 0.805), (-0.02, 0.775), (0.26, 0.785), (0.40, 0.81), (0.46, 0.83)]
    radii = (0.125, 0.175, 0.21, 0.212, 0.232, 0.20, 0.15)
    torso = Limb([(x * length, y + lift) for x, y in spine], [girth * r for r in radii], samples=36)
    base = np.array((0.36 * length, 0.84 + lift))
    along = np.array((np.cos(neck), np.sin(neck)))
    upward = np.array((-along[1], along[0]))
    poll = base + 0.70 * along
    crest = [base, base + 0.36 * along + 0.03 * upward, poll]
    face = np.array((np.cos(head), np.sin(head)))
    rump = np.array((-0.68 * length, 0.90 + lift))
    tail = rump + np.array(((0, 0), (-0.09 - wag, -0.07), (-0.12 - 1.4 * wag, -0.28), (-0.10 - 1.7 * wag, -0.52)))
    mane = [base + 0.1 * along + 0.19 * upward, crest[1] + 0.14 * upward, poll + 0.085 * upward, poll + 0.09 * along]
    return {
        "torso": torso,
        "neck": Limb(crest, [girth * 0.215, 0.135, 0.098]),
        "head": Limb([poll, poll + 0.16 * face, poll + 0.30 * face, poll + 0.38 * face], [0.1, 0.098, 0.066, 0.06]),
        "tail": Limb(tail, [0.03, 0.045, 0.06, 0.014]),
        "mane": Limb(mane, [0.03, 0.052, 0.05, 0.02]),
    }


# How each limb is striped: bands, where they begin and end along it, their share of the period, bow, reach across it.
_STRIPES = {
    "torso": (9, 0.04, 0.98, 0.52, 0.03, (-0.8, 1.0)),
    "neck": (6, 0.08, 0.95, 0.50, 0.02, (-0.95, 1.0)),
    "head": (4, 0.10, 0.66, 0.42, 0.03, (-0.75, 1.0)),
    "front": (6, 0.22, 0.88, 0.45, 0.0, (-1.0, 1.0)),
    "hind": (8, 0.06, 0.88, 0.45, -0.03, (-1.0, 1.0)),
}


def _paint_body(brush: _Brush, animal: Animal, draw: np.random.Generator) -> None:
    limbs, coat = animal.limbs, animal.coat
    brush.polygon(limbs["tail"].outline(), coat.hair)
    for name in ("front far", "hind far", "front", "hind", "torso", "neck", "head"):
        shade = 0.72 if name.endswith("far") else 1.0
        brush.polygon(limbs[name].outline(flat_start=name == "neck"), _darker(coat.base, shade))
        if coat.stripes:
            _paint_stripes(brush, limbs[name], name.removesuffix(" far"), _darker(coat.stripes, shade), draw)
        if name.startswith(("front", "hind")):
            ankle = limbs[name].at(np.array((0.9, 0.9)), np.array((-1, 1)))
            sole = limbs[name].spine[-1] + np.array(((0.07, -0.055), (-0.055, -0.055)))
            brush.polygon(np.vstack([ankle, sole]), coat.hair)
    _paint_head(brush, limbs, coat)


def _paint_stripes(brush: _Brush, limb: Limb, kind: str, colour: Colour, draw: np.random.Generator) -> None:
    count, first, last, share, bow, reach = _STRIPES[kind]
    period = (last - first) / count
    for number in range(count):
        along = first + (number + 0.5 + draw.uniform(-0.1, 0.1)) * period
        width = share * period * draw.uniform(0.85, 1.15)
        brush.polygon(limb.band(along, width, bow, reach), colour)


def _paint_head(brush: _Brush, limbs: dict[str, Limb], coat: Coat) -> None:
    head = limbs["head"]
    brush.polygon(limbs["mane"].outline(), coat.hair)
    muzzle = np.linspace(0.74, 1, 6)
    edge = np.ones(6)
    brush.polygon(np.vstack([head.at(muzzle, edge), head.at(muzzle[::-1], -edge)]), coat.muzzle)
    brush.disc(head.spine[-1], head.radii[-1], coat.muzzle)
    back, up = head.spine[0] - head.spine[6], head.normals[0]
    back = back / np.linalg.norm(back)
    for lean, shade in ((-0.02, 0.75), (0.045, 0.95)):
        root = head.spine[0] + 0.075 * up + (lean + 0.01) * back
        tip = root + 0.13 * up * 0.6 + 0.11 * back
        side = 0.036 * (back - 0.4 * up)
        brush.polygon(np.array((root - side, tip, root + side)), _darker(coat.base, shade))
    brush.disc(head.at(np.array((0.34,)), np.array((0.42,)))[0], 0.021, (24, 18, 16))


def _shaded(layer: Image.Image, mask: Image.Image, unit: float) -> Image.Image:
    """Darken what has body above it (belly, legs) and leave the back in the light."""
    above = ImageChops.offset(mask, 0, round(0.16 * unit)).filter(ImageFilter.GaussianBlur(0.10 * unit))
    shade = above.point([round(255 * (1.06 - 0.36 * level / 255)) if level > 42 else 255 for level in range(256)])
    return ImageChops.multiply(layer, Image.merge("RGB", [shade] * 3))


def _paint_shadow(canvas: Image.Image, brush: _Brush, unit: float) -> None:
    (left, top), (right, bottom) = brush.place(np.array(((-0.72, 0.07), (0.72, -0.07))))
    shadow = Image.new("L", canvas.size)
    ImageDraw.Draw(shadow).ellipse((min(left, right), top, max(left, right), bottom), fill=120)
    canvas.paste((22, 34, 18), mask=shadow.filter(ImageFilter.GaussianBlur(0.04 * unit)))


def _darker(colour: Colour, factor: float) -> Colour:
    return _colour(np.array(colour) * factor)


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in np.clip(np.round(values), 0, 255))
    return red, green, blue
