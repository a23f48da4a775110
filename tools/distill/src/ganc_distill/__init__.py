"""Stage 2: distill a teacher generator into a thinner student."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_distill.stage import train

__all__ = ["train"]
__getattr__ = offered(__name__, {"train": "ganc_distill.stage"})


def run() -> None:
    """The console script ganc-distill."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_distill.cli import main

    main()
