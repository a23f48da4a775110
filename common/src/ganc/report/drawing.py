"""How matplotlib draws ganc's charts: names of files and folders as they are, whatever characters they have."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from ganc.report.html.scales import Scale
from ganc.report.html.text import tick

# matplotlib is an extra; it is imported where it is used.

# Okabe and Ito's colours, which people with any of the usual kinds of colour blindness tell apart.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
BLACK, GREY = "#222222", "#bbbfc4"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

FONT = "DejaVu Sans"  # matplotlib's own
# For characters that it lacks, the first of these that is installed. Of a collection matplotlib may know one name only.
OTHER_FONTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei"),
    *("Droid Sans Fallback", "Arial Unicode MS", "Noto Serif CJK SC", "Noto Serif CJK JP", "SimSun"),
)


@contextlib.contextmanager
def drawing(font_size: float = 9) -> Iterator[None]:
    """Within the block a $ in a text is a $, equal charts give equal files, what has no glyph is a box."""
    import matplotlib

    settings: Any = {
        "svg.hashsalt": "ganc",
        "font.size": font_size,
        "font.family": [FONT, *_other_fonts()],
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield


def _other_fonts() -> list[str]:
    """Return those of OTHER_FONTS that are installed; matplotlib's own list may be of a time before they were."""
    from matplotlib import font_manager

    listed = font_manager.fontManager.ttflist
    if not {font.name for font in listed} & {*OTHER_FONTS}:
        known = {font.fname for font in listed}
        for path in font_manager.findSystemFonts():
            if path not in known:
                with contextlib.suppress(Exception):  # a damaged file, or one of a kind that it does not draw
                    font_manager.fontManager.addfont(path)
    installed = set(font_manager.get_font_names())
    return [name for name in OTHER_FONTS if name in installed]


def show(axis: Any, scale: Scale) -> None:
    """Let an axis of a chart reach as far as a scale does, with the scale's ticks."""
    from matplotlib.ticker import FixedLocator, NullLocator

    name = axis.axis_name
    axis.axes.set(**{f"{name}scale": "log" if scale.logarithmic else "linear"})
    axis.axes.set(**{f"{name}lim": (scale.low, scale.high)})
    axis.set_major_locator(FixedLocator(scale.ticks(8)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: tick(value))


def plain(axes: Any) -> None:
    """Draw a faint grid behind everything, and no frame above and on the right."""
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
