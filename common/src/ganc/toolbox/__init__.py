"""The command `ganc`, a file a group of subcommands."""


def run() -> None:
    """The console script ganc."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc.toolbox.main import main

    main()
