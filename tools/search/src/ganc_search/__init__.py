"""Stage 4: search the supernet's sub-networks for cost and quality."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_search.search import find_subnets

__all__ = ["find_subnets"]
__getattr__ = offered(__name__, {"find_subnets": "ganc_search.search"})


def run() -> None:
    """The console script ganc-search."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_search.cli import main

    main()
