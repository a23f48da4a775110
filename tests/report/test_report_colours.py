"""The colours of a report: told apart by everybody, and with enough contrast."""

import re

import pytest
from helpers.colours import BLIND, nearest
from helpers.reports import reported

pytest.importorskip("jinja2", reason="jinja2 is not installed")


@pytest.mark.parametrize("kind", BLIND)
def test_no_two_colours_of_a_chart_are_alike_for_anybody(folder, tmp_path, kind):
    style = reported(folder, tmp_path).text
    for theme in re.findall(r":root {(.*?)}", style, re.DOTALL):
        series = re.findall(r"--s[0-5]: (#[0-9a-f]{6})", theme)
        assert nearest(series, kind) > 12
        front = [*(series[i] for i in (0, 1, 3)), *re.findall(r"--plain: (#[0-9a-f]{6})", theme)]
        assert len(front) == 4
        assert nearest(front, kind) > 12


def test_colours_have_enough_contrast_on_every_ground(folder, tmp_path):
    """WCAG 2: 4.5 for texts, which series' names are too, and 3 for what is drawn."""
    style = "".join(reported(folder, tmp_path).all("style")[0].texts)
    palettes = [
        dict(re.findall(r"--(\w+): (#\w+)", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(palettes) == 3  # light, dark, print
    for palette in palettes:
        for ground in ("page", "card"):
            for name in ("text", "soft", "link", *(f"s{number}" for number in range(6))):
                assert contrast(palette[name], palette[ground]) >= 4.5, (name, ground)
            assert contrast(palette["plain"], palette[ground]) >= 3
        assert contrast(palette["text"], palette["notice"]) >= 4.5


def contrast(one, other):
    def luminance(colour):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)
