"""Stage 3: train the student as a once-for-all supernet."""


def run() -> None:
    """The console script ganc-supernet."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_supernet.cli import main

    main()
