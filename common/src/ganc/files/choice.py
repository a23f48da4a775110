"""Choosing one sub-network of a supernet: named, or selected from search results. Needs no numpy before it chooses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganc.base.errors import FileFormatError, SettingError, SpecError
from ganc.base.settings import setting
from ganc.models.family import Widths, format_widths

if TYPE_CHECKING:
    from ganc.files.checkpoint import Checkpoint


def has_bounds(values: Mapping) -> bool:
    """Whether anything is said that only means something of results."""
    return any(values[name] is not None for name in ("max_macs", "max_params", "max_latency")) or values["rank"] != 1


def trained_widths(checkpoint: "Checkpoint", widths: Widths) -> Widths:
    """Return the widths of all segments of a named sub-network, which `widths` may say in a short form.

    Raises:
        SpecError: the checkpoint says which ones were trained, and it is none of them.
    """
    family = checkpoint.generator.spec.shape
    widths = family.full_widths(widths)
    if "space" in checkpoint.training:
        from ganc.models.space import parse_space

        parse_space(checkpoint.training["space"], family).require(widths)
    trained = checkpoint.training.get("widths")
    if trained and format_widths(widths) not in trained:
        raise SpecError(f"--config {format_widths(widths)}: trained were {', '.join(trained)}; choose one of them")
    return widths


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a user said of the sub-network: its widths (or a short form of them), or results and bounds.

    Attributes:
        results: a file of ganc-search; "-" is standard input.
        max_latency: milliseconds an image.
        rank: of the rows within the bounds, the place from 1.

    Raises:
        SettingError: neither widths nor results are named, or both, or widths and bounds.
    """

    widths: Widths | None = setting("The sub-network's widths.", None, names=("--config",))
    results: str | None = None
    max_macs: int | None = None
    max_params: int | None = None
    max_latency: float | None = None
    rank: int = 1

    def __post_init__(self) -> None:
        if (self.widths is None) == (self.results is None):
            raise SettingError("name a sub-network with --config, or select one with --results (one of the two)")
        if self.widths is not None and has_bounds(vars(self)):
            raise SettingError("--max-… and --rank select from --results; --config names the sub-network itself")

    def choose(self, supernet: "Checkpoint", warn: Callable[[str], object] | None = None) -> Widths:
        """Return the widths.

        Args:
            warn: is called with a line for each thing that the results lack; None gives Python's warnings.

        Raises:
            FileFormatError: the results cannot be read, or belong to another supernet.
            SelectionError: nothing satisfies the bounds.
            SpecError: the named sub-network is none that the supernet was trained for.
        """
        if self.results is not None:
            return self._selected(self.results, supernet, warn)
        return trained_widths(supernet, self.widths or ())

    def _selected(self, results: str, supernet: "Checkpoint", warn: Callable[[str], object] | None) -> Widths:
        from ganc.results.hdf5 import read_results
        from ganc.results.selection import select
        from ganc.results.shards import as_warning, lacking

        read = read_results(results)
        if read.identity.supernet_digest != supernet.digest:
            raise FileFormatError(
                f"{read.source}: is a search of another supernet ({read.identity.supernet_digest[:16]}, "
                f"this one is {supernet.digest[:16]}); search this one, or name the sub-network with --config"
            )
        for said in lacking(results, read):
            (warn or as_warning)(said)
        rows = select(
            read, max_macs=self.max_macs, max_params=self.max_params, max_latency=self.max_latency, rank=self.rank
        )
        return rows[0].widths
