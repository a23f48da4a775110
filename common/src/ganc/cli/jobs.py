"""Running a training job in a terminal: settings, progress bar, table."""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from ganc.cli.paths import RUN_FOLDER, Place
from ganc.cli.progress import progress_bar
from ganc.cli.tables import checkpoint_row, settings_line, show, size_text
from ganc.training.settings import DataSettings, RunSettings

if TYPE_CHECKING:
    from ganc.training.job import TrainingJob

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


def run_folder(values: Mapping) -> list[Place]:
    """Return the run's folder as what a training command writes besides -o, where no option says it."""
    if values["run_dir"] is not None:
        return []
    return [Place("the run's folder", RunSettings(output=values["output"]).directory, RUN_FOLDER)]


def run_training(name: str, job: "TrainingJob", data: DataSettings) -> None:
    """Train with a progress bar on stderr and end with a table on stdout; print the table again if it had finished."""
    run = job.run
    from ganc.files.checkpoint import read_checkpoint

    settings_line(
        name,
        data=data.folder,
        direction=data.direction,
        images=f"{len(job.samples)} an epoch at {size_text(data.crop_size)}",
        cached="yes" if getattr(job.samples, "cached", False) else "no",
        steps=len(job),
        batch=job.course.schedule.batch_size,
        lr=job.course.schedule.learning_rate,
        seed=run.seed,
        run_dir=run.directory,
    )
    if job.unmeasured and job.processes.writes:
        click.echo(f"warning: {job.unmeasured}: it trains without one, and its last networks are the result", err=True)
    checkpoint = job.finished()
    if checkpoint is not None:
        click.echo(f"{run.output}: already finished; --restart trains anew", err=True)
    else:
        for _ in with_progress(job, len(job)):
            pass
    if job.processes.writes:
        written = [checkpoint or read_checkpoint(run.output), *map(read_checkpoint, job.beside.values())]
        show([checkpoint_row(path, one) for path, one in zip([run.output, *job.beside.values()], written, strict=True)])


def with_progress(job: Iterable, total: int) -> Iterable:
    """Yield a training job's steps behind a bar that shows the losses, the last metrics and the time left.

    What comes before the first step is shown there too, and not yielded.
    """
    with progress_bar(total, "step") as bar:
        metrics: Mapping = {}
        for progress in job:
            if progress.note:
                if progress.note.lasting:
                    bar.write(progress.note.text, file=sys.stderr)
                bar.set_postfix_str("" if progress.note.lasting else progress.note.text, refresh=sys.stderr.isatty())
                continue
            metrics = progress.metrics or metrics
            # Looking at the losses waits for the device: only when the bar was drawn, and at the end.
            if bar.update(progress.step - bar.n) or progress.step == total:
                shown = {**progress.losses, **metrics}
                bar.set_postfix_str(" ".join(f"{key} {value:.3g}" for key, value in shown.items()), refresh=False)
            yield progress
