"""ganc compresses image-translation GAN generators: the library and the toolbox that its six stages share.

`ganc.load`, `ganc.compare`, `ganc.evaluate` and `ganc.select` are for programs (docs/python.md); errors are
`ganc.GancError`.
"""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc.api import (
        GancError,
        GeneratorSpec,
        Model,
        Picture,
        Profile,
        SearchRow,
        TrainingOptions,
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
    "TrainingOptions",
    "compare",
    "evaluate",
    "load",
    "select",
]

# numpy and Pillow come with it, so it is imported when a name is first used.
__getattr__ = offered(__name__, dict.fromkeys(__all__, "ganc.api"))


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
