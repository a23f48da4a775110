"""The command `ganc`, a file a group of subcommands."""
