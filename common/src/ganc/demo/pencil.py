"""A pen that draws lines where another one fills areas: the outlines of the paired demo set."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

_INK = 0.75  # lines are darker than the areas that they enclose, so that near-white ones are seen on paper


class Pencil(ImageDraw.ImageDraw):
    """Draws shapes as outlines in a darker shade of their colour, hiding what is behind them as a filled one would."""

    def __init__(self, paper: Image.Image):
        super().__init__(paper)
        self.thick = max(2, round(min(paper.size) / 80))

    def polygon(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().polygon(xy, fill="white", outline=self._ink(fill), width=self.thick)

    def ellipse(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().ellipse(xy, fill="white", outline=self._ink(fill), width=self.thick)

    def rectangle(self, xy: Any, fill: Any = None, outline: Any = None, width: int = 1) -> None:
        super().rectangle(xy, fill="white", outline=self._ink(fill), width=self.thick)

    def border(self, row: float, above: tuple, below: tuple) -> None:
        """Draw where one colour ends and another one begins, from side to side: a line of each."""
        width = self.im.size[0]
        for place, colour in ((row - self.thick, above), (row, below)):
            self.line((0, place, width, place), fill=self._ink(colour), width=self.thick)

    def _ink(self, colour: Any) -> tuple[int, ...]:
        return tuple(int(value) for value in _INK * np.array(colour))
