"""What programs get of an export: every number in full."""

from dataclasses import asdict
from pathlib import Path

from ganc.files.card import CHECKPOINT
from ganc.metrics import Measurement
from ganc.metrics.judgement import judged
from ganc.models.family import format_widths
from ganc_export.stage import Exported


def exported_json(exported: Exported, output: Path) -> dict:
    """Return what was written into a folder, a row for each file or variant, the checkpoint's first."""
    spec, size = exported.checkpoint.generator.spec, exported.checkpoint.image_size
    costs = spec.costs(size)
    rows = [
        {"file": str(output / CHECKPOINT), "bytes": exported.checkpoint_bytes, **_metric(exported, exported.measured)}
    ]
    for one in exported.variants:
        named = {"format": one.variant.format, "precision": one.variant.precision}
        difference = {"difference": asdict(one.found.difference)}
        row = {"file": str(output / one.variant.name), **named, "bytes": one.bytes, **difference}
        rows.append(row | _metric(exported, one.measured))
    return {
        "folder": str(output),
        "digest": exported.checkpoint.digest,
        "widths": format_widths(spec.widths),
        "image_size": list(size),
        **asdict(costs),
        "files": rows,
        "untouched": exported.untouched and exported.untouched.to_json(),
        "unmeasured": exported.unmeasured,
        "undetermined": list(exported.undetermined),
    }


def _metric(exported: Exported, measured: Measurement | None) -> dict:
    if measured is None:
        return {"metric": None}
    facts = {"name": exported.metric_name, "verified": exported.verified, **measured.to_json()}
    judgement = {"judgement": judged(measured, exported.untouched).value} if exported.untouched else {}
    return {"metric": facts | judgement}
