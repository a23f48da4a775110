"""Rows of search results as commands print them."""

from collections.abc import Iterable


def results_rows(rows: Iterable, metric: str) -> list[dict]:
    """Return search rows for people."""
    from ganc.files.selection import format_count
    from ganc.models.spec import format_widths

    return [
        {
            "widths": format_widths(row.widths),
            "MACs": format_count(row.macs),
            "device MACs": format_count(row.device_macs),
            "parameters": format_count(row.params),
            metric: f"{row.metrics[metric]:.4f}",
            "pictures": row.images,
        }
        for row in rows
    ]


def results_json(rows: Iterable) -> list[dict]:
    """Return search rows for programs."""
    from dataclasses import asdict

    from ganc.models.spec import format_widths

    return [{**asdict(row), "widths": format_widths(row.widths)} for row in rows]
