"""Stage 6: export a generator as a checkpoint and as models for Paddle Inference, ONNX Runtime and OpenVINO."""


def run() -> None:
    """The console script ganc-export."""
    from ganc.system.signals import end_at_once

    end_at_once()
    from ganc_export.cli import main

    main()
