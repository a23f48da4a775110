"""Stage 1: train a CycleGAN or a pix2pix whose generators are made of mobile blocks."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_replace.stage import train

__all__ = ["train"]
__getattr__ = offered(__name__, {"train": "ganc_replace.stage"})


def run() -> None:
    """The console script ganc-replace."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_replace.cli import main

    main()
