"""Command line of stage 2."""

from collections.abc import Mapping

import click

from ganc.cli.command import command
from ganc.cli.help import REQUIRED
from ganc.cli.jobs import run_folder, run_training
from ganc.cli.options import (
    Shown,
    data_options,
    distillation_options,
    grouped,
    refit_options,
    run_options,
    schedule_options,
    setting_options,
    stage_options,
    take_published_defaults,
)
from ganc.cli.paths import OUTPUT_FILE, Place
from ganc.cli.types import BLOCK_COUNT
from ganc.training.settings import DataSettings, DistillationSettings, RefitSettings, RunSettings, Schedule
from ganc_distill.settings import NEEDS, RECIPES, SCHEDULE, USUAL, OnlineSettings, StudentStart

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


def _written(values: Mapping) -> list[Place]:
    """Return the run's folder, and the file of a teacher that trains where no option names it."""
    written = run_folder(values)
    if values["online"] and values["teacher_output"] is None:
        path = OnlineSettings(online=True).output_beside(values["output"])
        written.append(Place("the teacher's file", path, OUTPUT_FILE))
    return written


@command(
    "ganc-distill",
    page="distillation.md",
    moved={"teacher": REQUIRED},
    defaults=RECIPES[USUAL],
    implied=_written,
    needs=NEEDS,
)
@grouped("start", StudentStart, *setting_options(StudentStart))
@grouped(
    "online",
    OnlineSettings,
    *setting_options(OnlineSettings, types={"n_blocks": BLOCK_COUNT}, first={"online": take_published_defaults}),
)
@refit_options
@distillation_options(RECIPES, USUAL)
@data_options
@schedule_options(**SCHEDULE)
@run_options
@stage_options
def main(
    start: StudentStart,
    online: OnlineSettings,
    refit: RefitSettings,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    shown: Shown,
) -> None:
    """Stage 2: distill a teacher into a thinner student.

    The student starts from the teacher's most important channels and learns to give the teacher's images. With
    --online the teacher trains too, and may start fresh: that needs images alone.

    \b
    ganc-distill --teacher replace.safetensors --data horse2zebra --width 32 -o distill.safetensors
    ganc-distill --online --data horse2zebra --width 32 -o distill.safetensors
    """
    from ganc_distill.stage import distill_job

    if start.teacher_file is None and not online.online:
        raise click.UsageError("Missing option '--teacher': name the teacher's checkpoint, or train one with --online.")
    run_training(
        "ganc-distill", lambda: distill_job(start, settings, schedule, data, run, refit, online), data, run, shown
    )
