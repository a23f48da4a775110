"""Choosing sub-networks from the results of a search."""

from pathlib import Path

from ganc.api.images import PathLike
from ganc.base.errors import SettingError
from ganc.base.text import budget_number
from ganc.results.table import SearchRow


def select(
    results: PathLike,
    *,
    max_macs: int | str | None = None,
    max_params: int | str | None = None,
    max_latency: float | None = None,
    max_metric: float | None = None,
    pareto: bool = False,
    top: int | None = None,
) -> list[SearchRow]:
    """Return the sub-networks of a file of ganc-search that satisfy all bounds, the best first.

    What the file lacks, such as shards, or rows in its journal, is said in Python's warnings.

    Args:
        results: the file (HDF5).
        max_macs, max_params: at most so many multiply-accumulates of an image, and parameters; a number, or "2.7G".
        max_latency: at most so many milliseconds an image.
        max_metric: at most this Fréchet distance.
        pareto: only what no other beats in both distance and MACs, or milliseconds where the search lowered these.
        top: only the best so many.

    Returns:
        Rows with widths, macs, device_macs, params, images, metrics and errors by name, latency_ms;
        `ganc.load(supernet, widths=rows[0].widths)` runs the best.

    Raises:
        FileFormatError: the file is none of ganc-search, or damaged.
        SelectionError: nothing satisfies the bounds; the message says the smallest value that the bound could have.
        SpecError, SettingError: a text is no number, or `top` is not at least 1.
    """
    from ganc.results.hdf5 import read_results  # h5py comes with it
    from ganc.results.selection import select as select_rows
    from ganc.results.shards import as_warning, lacking

    if top is not None and top < 1:
        raise SettingError(f"top (={top}): expected at least 1")
    read = read_results(Path(results))
    for said in lacking(Path(results), read):
        as_warning(said)
    rows = select_rows(
        read,
        max_macs=budget_number(max_macs),
        max_params=budget_number(max_params),
        max_latency=max_latency,
        max_metric=max_metric,
        pareto=pareto,
        top=top,
    )
    return list(rows)
