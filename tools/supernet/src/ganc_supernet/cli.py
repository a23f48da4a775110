"""Command line of stage 3."""

import click

from ganc.cli.command import command
from ganc.cli.jobs import run_folder, run_training
from ganc.cli.options import (
    Shown,
    data_options,
    distillation_options,
    grouped,
    refit_options,
    run_options,
    schedule_options,
    setting_option,
    stage_options,
)
from ganc.cli.types import SPACE
from ganc.training.settings import DataSettings, DistillationSettings, RefitSettings, RunSettings, Schedule
from ganc_supernet.settings import DEFAULT_SPACE, NEEDS, RECIPES, SCHEDULE, USUAL, SupernetStart

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

start_options = grouped(
    "start",
    SupernetStart,
    setting_option(SupernetStart, "teacher_file"),
    setting_option(SupernetStart, "student_file"),
    setting_option(SupernetStart, "init_from"),
    click.option("--space", type=SPACE, default=DEFAULT_SPACE, help="A named space, or lists such as 32,24/32,16/…."),
    setting_option(SupernetStart, "width"),
    setting_option(SupernetStart, "start_from"),
    setting_option(SupernetStart, "importance"),
    setting_option(SupernetStart, "sampling"),
)


@command(
    "ganc-supernet",
    page="method.md",
    moved={"space": "Network"},
    defaults=RECIPES[USUAL],
    implied=run_folder,
    needs=NEEDS,
)
@start_options
@refit_options
@distillation_options(RECIPES, USUAL)
@data_options
@schedule_options(**SCHEDULE)
@run_options
@stage_options
def main(
    start: SupernetStart,
    refit: RefitSettings,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    shown: Shown,
) -> None:
    """Stage 3: train all sub-networks of a search space at once.

    The sub-networks share the weights of one generator, the supernet; each step trains a random one, or three.

    \b
    ganc-supernet --teacher replace.safetensors --student distill.safetensors --data horse2zebra \\
                  --space channels-32 -o supernet.safetensors
    ganc-supernet --teacher original.safetensors --data horse2zebra \\
                  --space channels-64-cyclegan -o supernet.safetensors
    """
    from ganc_supernet.stage import supernet_job

    run_training("ganc-supernet", lambda: supernet_job(start, settings, schedule, data, run, refit), data, run, shown)
