"""Stage 5: fine-tune one sub-network."""


def run() -> None:
    """The console script ganc-finetune."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_finetune.cli import main

    main()
