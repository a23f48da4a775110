"""Stage 2: distill a teacher generator into a thinner student."""


def run() -> None:
    """The console script ganc-distill."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_distill.cli import main

    main()
