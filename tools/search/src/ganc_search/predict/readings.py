"""What rows say of a metric, where a race has measured some of them on fewer images than others."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from ganc.base.ranking_metric import is_predicted
from ganc.models.family import Widths
from ganc.results.table import SearchRow
from ganc_search.strategies.racing import readings_of

Reading = tuple[str, int]  # a metric, and on how many images
FEWEST_PAIRS = 5


class Readings:
    """Collects rows and returns one value for each: as measured, or brought to the scale of what was measured best.

    A race measures every sub-network on few images and a few on all. On few images the metric may be another one, and
    the Fréchet distance is larger; a line through those that have both values says what the others would have.
    """

    def __init__(self, metric: str):
        self._metric = metric
        self._of: dict[Widths, dict[Reading, float]] = {}

    def add(self, row: SearchRow) -> None:
        """Take a row; without a finite value it is passed over."""
        found = {reading: value for reading, value in readings_of(row).items() if not is_predicted(reading[0])}
        if found:
            self._of[row.widths] = found

    def fitted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return widths (N, segments), values (N,) and which of them, (N,) booleans, were measured on the most images.

        Rows come in the order in which they were added.
        """
        most = max((images for found in self._of.values() for name, images in found if name == self._metric), default=0)
        best = (self._metric, most)
        whole = {widths: found[best] for widths, found in self._of.items() if best in found}
        rest = {widths: found for widths, found in self._of.items() if widths not in whole}
        values = dict(whole)
        if rest:
            common = self._common(rest.values())
            pairs = [(found[common], found[best]) for found in self._of.values() if common in found and best in found]
            slope, base = _line(pairs)
            values |= {widths: base + slope * found[common] for widths, found in rest.items() if common in found}
        kept = [widths for widths in self._of if widths in values]
        return (
            np.array(kept, np.int64),
            np.array([values[widths] for widths in kept], np.float64),
            np.array([widths in whole for widths in kept], bool),
        )

    def _common(self, rows: Iterable[dict[Reading, float]]) -> Reading:
        """Return what most of the rows have, of the metric itself where several are equally common."""
        counts = Counter(reading for found in rows for reading in found)
        return max(counts, key=lambda reading: (counts[reading], reading[0] == self._metric, reading))


def _line(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return slope and base of the line through pairs; of few pairs the line of slope 1 through their middle."""
    if not pairs:
        return 1.0, 0.0
    fewer, whole = np.array(pairs).T
    slope = 1.0
    if len(pairs) >= FEWEST_PAIRS and np.ptp(fewer) > 0:
        slope = max(0.0, float(np.polyfit(fewer, whole, 1)[0])) or 1.0
    return slope, float(whole.mean() - slope * fewer.mean())
