"""Saying what a ganc file is, whatever its kind."""

import zipfile
from dataclasses import asdict
from pathlib import Path

from ganc.base.errors import FileFormatError, StatisticsError
from ganc.base.reading import read_start
from ganc.files import run_directory
from ganc.files.card import CARD, read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.files.kinds import looks_like
from ganc.files.tensors import read_any_header, read_header, read_tensors
from ganc.metrics.inception import weights
from ganc.metrics.statistics import read_statistics
from ganc.models.convolutions import NetworkState
from ganc.models.family import format_widths
from ganc.models.spec import GeneratorSpec
from ganc.results.hdf5 import HDF5_SIGNATURE, read_results
from ganc.results.journal import FORMAT as JOURNAL_FORMAT
from ganc.results.journal import read_journal
from ganc.results.search_results import SearchResults


def describe(path: Path) -> dict:
    """Return the facts of a checkpoint, results, statistics, weights, a run's directory or state, or an export.

    Raises:
        FileFormatError: there is no such file, or it is none of these.
    """
    path = _whole(Path(path))
    if path.is_dir() and (path / run_directory.STATE_FILE).is_file():
        path = path / run_directory.STATE_FILE
    if path.is_dir():
        return read_card(path)
    start = read_start(path, "a file of ganc", 64)
    if start.startswith(HDF5_SIGNATURE):
        return _results(read_results(path))
    if start.startswith(b"{") and JOURNAL_FORMAT.encode() in start:
        return {**_results(read_journal(path)), "format": JOURNAL_FORMAT}
    if foreign := looks_like(path):
        raise FileFormatError(f"{path}: is no file of ganc; {foreign}")
    if zipfile.is_zipfile(path):
        return _statistics(path)
    return _tensors(path)


def _whole(path: Path) -> Path:
    """Return the folder that a file belongs to which says nothing alone: a card, or a run's settings or log."""
    of_run = path.name in (run_directory.SETTINGS_FILE, run_directory.LOG_FILE)
    if path.name == CARD or (of_run and (path.parent / run_directory.STATE_FILE).is_file()):
        return path.parent
    return path


def _tensors(path: Path) -> dict:
    file_format = read_any_header(path, "ganc-checkpoint").get("format")
    if file_format == run_directory.STATE_FORMAT:
        versions = (run_directory.STATE_VERSION, run_directory.WITHOUT_CHECKSUM)
        header, tensors = read_tensors(path, file_format, *versions)
        return {**header, "tensors": len(tensors)}
    if file_format == weights.FORMAT:
        said = read_header(path, weights.FORMAT, weights.VERSION, weights.WITHOUT_CHECKSUM)
        return {**said, "digest": weights.read_weights(path).digest}
    return _checkpoint(path)


def _checkpoint(path: Path) -> dict:
    checkpoint = read_checkpoint(path)
    return {
        "format": "ganc-checkpoint",
        "stage": checkpoint.stage,
        "digest": checkpoint.digest,
        "direction": checkpoint.direction,
        "networks": {name: _network(state, checkpoint.image_size) for name, state in checkpoint.networks.items()},
        "task": checkpoint.task.to_json(),
        "training": dict(checkpoint.training),
        "sources": dict(checkpoint.sources),
    }


def _network(state: NetworkState, size: tuple[int, int]) -> dict:
    described = {**asdict(state.spec), "params": sum(array.size for array in state.tensors.values())}
    if isinstance(state.spec, GeneratorSpec):
        described["widths"] = format_widths(state.spec.widths)
        described |= {"image_size": size, **asdict(state.spec.costs(size))}
    return described


def _results(results: SearchResults) -> dict:
    rows = results.rows
    return {
        "format": "ganc-search-results",
        "digest": results.digest,
        "has_checksum": results.proven,
        "subnets": results.measured,
        "predicted": len(results) - results.measured,
        "metric": results.metric_name,
        "ordered_by": results.ranking_name,
        "macs": [int(rows.macs.min()), int(rows.macs.max())] if len(rows) else None,
        **results.identity.to_json(),
        "facts": dict(results.facts),
    }


def _statistics(path: Path) -> dict:
    try:
        statistics = read_statistics(path, None)
    except StatisticsError:  # of another program
        return {"format": "statistics of an unnamed feature set", "note": "use it with --feature-set"}
    kept = 0 if statistics.features is None else len(statistics.features)
    return {"digest": statistics.digest, "dimensions": len(statistics.mu), **statistics.facts(), "features": kept}
