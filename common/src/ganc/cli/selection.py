"""Choosing one sub-network on the command line: named, or selected from search results."""

from dataclasses import dataclass

import click

from ganc.models.spec import Widths


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user said of the sub-network: its widths, or results and bounds."""

    widths: Widths | None
    results: str | None
    max_macs: int | None
    max_params: int | None
    max_latency: float | None
    rank: int

    def __post_init__(self):
        if (self.widths is None) == (self.results is None):
            raise click.UsageError("name a sub-network with --config, or select one with --results (one of the two)")

    def choose(self, supernet_digest: str) -> Widths:
        """Return the widths.

        Raises:
            FileFormatError: the results cannot be read, or belong to another supernet.
            SelectionError: nothing satisfies the bounds.
        """
        if self.widths is not None:
            return self.widths
        from ganc.errors import FileFormatError
        from ganc.files.results import read_results
        from ganc.files.selection import select

        results = read_results(click.get_binary_stream("stdin") if self.results == "-" else self.results)
        if results.identity.supernet_digest != supernet_digest:
            raise FileFormatError(
                f"{results.source}: is a search of another supernet ({results.identity.supernet_digest[:16]}, "
                f"this one is {supernet_digest[:16]}); search this one, or name the sub-network with --config"
            )
        bounds = {"max_macs": self.max_macs, "max_params": self.max_params, "max_latency": self.max_latency}
        return select(results, **bounds, rank=self.rank)[0].widths
