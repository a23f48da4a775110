"""Stage 1: train a CycleGAN whose generators are made of mobile blocks."""


def run() -> None:
    """The console script ganc-replace."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_replace.cli import main

    main()
