"""How matplotlib draws ganc's charts: names of files and folders as they are, whatever characters they have."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

# matplotlib is an extra; it is imported where it is used.

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
