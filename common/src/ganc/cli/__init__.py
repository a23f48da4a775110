"""The command line: what the tools share of it, and the toolbox `ganc`. Only `cli` modules import Click."""
