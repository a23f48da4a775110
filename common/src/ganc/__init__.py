"""ganc compresses image-translation GAN generators: the library and the toolbox that its six stages share.

`ganc.load`, `ganc.compare`, `ganc.evaluate` and `ganc.select` are for programs (docs/python.md); errors are
`ganc.GancError`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganc.api import (
        GancError,
        GeneratorSpec,
        Model,
        Picture,
        Profile,
        SearchRow,
        compare,
        evaluate,
        load,
        select,
    )

__version__ = "0.1.0"
__all__ = [
    "GancError",
    "GeneratorSpec",
    "Model",
    "Picture",
    "Profile",
    "SearchRow",
    "compare",
    "evaluate",
    "load",
    "select",
]


def __getattr__(name: str) -> object:
    """Return what `ganc.api` offers: it is imported, and numpy and Pillow with it, when a name is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ganc import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
