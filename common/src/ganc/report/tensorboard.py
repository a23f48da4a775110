"""A run's log and sample images as an event file that TensorBoard reads."""

from collections.abc import Iterator
from pathlib import Path

from ganc.base.atomic import replacing
from ganc.base.extras import TENSORBOARD, require
from ganc.data.images import load_rgb
from ganc.report.run_log import LogLine, Run

# TensorBoard takes every file with `tfevents` in its name. The usual names have a time and a host; this one is always
# the same, so that a run that went on replaces what was written of it before.
EVENTS = "events.out.tfevents.0.ganc"


def write_events(run: Run, folder: Path) -> Path:
    """Write what a run logged so far into a folder, in place of what was written of it there, and return the file.

    Tags are `losses/NAME`, `learning_rate`, `frechet/LABEL`, `kernel/LABEL` and `samples`. The log has no times: all
    events are of the time 0.

    Raises:
        MissingDependencyError: tensorboardX is not installed.
        DataError: a sample image cannot be read.
        WriteError: the file cannot be written.
    """
    require(TENSORBOARD)
    from tensorboardX import summary
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter

    path = Path(folder) / EVENTS
    with replacing(path) as temporary:
        writer = RecordWriter(str(temporary))
        writer.write(Event(file_version="brain.Event:2").SerializeToString())
        for line in run.lines:
            for tag, value in _scalars(line):
                writer.write(Event(step=line.step, summary=summary.scalar(tag, value)).SerializeToString())
        for step, strip in run.samples.items():
            image = summary.image("samples", load_rgb(strip), dataformats="HWC")
            writer.write(Event(step=step, summary=image).SerializeToString())
        writer.close()
    return path


def _scalars(line: LogLine) -> Iterator[tuple[str, float]]:
    if line.learning_rate is not None:
        yield "learning_rate", line.learning_rate
    yield from ((f"losses/{name}", value) for name, value in line.losses.items())
    yield from ((f"frechet/{label}", value) for label, value in line.metrics.items())
    yield from ((f"kernel/{label}", value) for label, (value, _) in line.kernels.items())
