"""Colours as people see them who lack a kind of cones."""

import itertools
from collections.abc import Iterable

import numpy as np

# Linear RGB as it is seen without the cones for red, green or blue: Machado, Oliveira and Fernandes, 2009, severity 1.
BLIND = {
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, kind):
    """Return a colour such as #0072b2 in CIELAB as a kind of colour blindness sees it."""
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt(TO_XYZ @ np.clip(np.array(BLIND[kind]) @ linear, 0, 1) / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colours: Iterable[str], kind: str) -> float:
    """Return how far the two nearest of some colours are apart, in CIELAB; beyond 10 nobody takes them for one."""
    return min(float(np.linalg.norm(lab(a, kind) - lab(b, kind))) for a, b in itertools.combinations(colours, 2))
