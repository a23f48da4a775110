"""Stage 5: fine-tune one sub-network."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_finetune.stage import train

__all__ = ["train"]
__getattr__ = offered(__name__, {"train": "ganc_finetune.stage"})


def run() -> None:
    """The console script ganc-finetune."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_finetune.cli import main

    main()
