"""Runs of the training commands, and comparing what they leave."""

from helpers.support import TINY_TRAINING, files_under


def assert_equal_runs(one, other):
    """Assert byte-equal checkpoints, logs and sample strips."""
    assert one.read_bytes() == other.read_bytes()
    logs = [(path.with_name(path.name + ".run") / "log.jsonl").read_text() for path in (one, other)]
    assert logs[0] == logs[1]
    samples = [files_under(path.with_name(path.name + ".run") / "samples") for path in (one, other)]
    assert samples[0] == samples[1]


def distill(tiny_data, teacher_file, output, *options):
    """The arguments of a tiny ganc-distill: 6 steps."""
    inputs = ("--teacher", teacher_file, "--data", tiny_data, "--width", "4")
    return ("ganc-distill", *inputs, *TINY_TRAINING, "--eval-every", "0", "-o", output, *options)
