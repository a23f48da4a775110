"""Stage 4: search the supernet's sub-networks for cost and quality."""


def run() -> None:
    """The console script ganc-search."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_search.cli import main

    main()
