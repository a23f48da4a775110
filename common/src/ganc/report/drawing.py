"""How matplotlib draws ganc's charts: names of files and folders as they are, whatever characters they have."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

# matplotlib is an extra; it is imported where it is used.

FONT = "DejaVu Sans"  # matplotlib's own
# For characters that it lacks, the first of these that is installed.
OTHER_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "WenQuanYi Micro Hei",
    "Microsoft YaHei",
    "PingFang SC",
    "SimHei",
)


@contextlib.contextmanager
def drawing(font_size: float = 9) -> Iterator[None]:
    """Within the block a $ in a text is a $, equal charts give equal files, what has no glyph is a box."""
    import matplotlib
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    settings: Any = {
        "svg.hashsalt": "ganc",
        "font.size": font_size,
        "font.family": [FONT, *(name for name in OTHER_FONTS if name in installed)],
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        yield
