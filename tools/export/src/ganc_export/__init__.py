"""Stage 6: export a generator as a checkpoint, and for Paddle Inference, ONNX Runtime, OpenVINO and the web."""

from typing import TYPE_CHECKING

from ganc.base.lazy import offered

if TYPE_CHECKING:
    from ganc_export.stage import export_model

__all__ = ["export_model"]
__getattr__ = offered(__name__, {"export_model": "ganc_export.stage"})


def run() -> None:
    """The console script ganc-export."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_export.cli import main

    main()
