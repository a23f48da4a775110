"""Stage 3: train the student as a once-for-all supernet."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_supernet.stage import train

__all__ = ["train"]
__getattr__ = offered(__name__, {"train": "ganc_supernet.stage"})


def run() -> None:
    """The console script ganc-supernet."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_supernet.cli import main

    main()
