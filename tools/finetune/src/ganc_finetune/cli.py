"""Command line of stage 5."""

from pathlib import Path

import click

from ganc.cli.command import command
from ganc.cli.jobs import run_folder, run_training
from ganc.cli.messages import warn
from ganc.cli.options import (
    Shown,
    data_options,
    distillation_options,
    grouped,
    init_options,
    schedule_options,
    selection_options,
    setting_options,
    stage_options,
)
from ganc.cli.paths import FILE
from ganc.files.choice import Selection
from ganc.training.settings import DataSettings, DistillationSettings, InitSettings, Schedule
from ganc_finetune.settings import RECIPES, SCHEDULE, USUAL, FinetuneRun

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@command("ganc-finetune", page="distillation.md", defaults=RECIPES[USUAL], implied=run_folder)
@click.option("--supernet", type=FILE, required=True, help="The supernet's checkpoint, from ganc-supernet.")
@click.option("--teacher", type=FILE, required=True, help="The teacher's checkpoint, from ganc-replace.")
@selection_options
@init_options
@distillation_options(RECIPES, USUAL)
@data_options
@schedule_options(**SCHEDULE)
@grouped("run", FinetuneRun, *setting_options(FinetuneRun))
@stage_options
def main(
    supernet: Path,
    teacher: Path,
    selection: Selection,
    init: InitSettings,
    settings: DistillationSettings,
    schedule: Schedule,
    data: DataSettings,
    run: FinetuneRun,
    shown: Shown,
) -> None:
    """Stage 5: train one sub-network alone.

    Name it with --config, or select it with --results and bounds. It is evaluated before the first step too, and the
    best network is kept: best on the search images where the folder has some, with the metric on the test images.
    With --recipe published there is a GAN loss also where the supernet had none: --gan-weight 0 leaves it out.

    \b
    ganc-finetune --supernet supernet.safetensors --teacher replace.safetensors --data horse2zebra \\
                  --results search.h5 --max-macs 2.7G -o finetune.safetensors
    ganc-search … -o - | ganc-finetune … --results - -o finetune.safetensors
    """
    from ganc_finetune.stage import finetune_job, read_supernet

    checkpoint = read_supernet(supernet, data.direction)
    widths = selection.choose(checkpoint, warn)
    run_training(
        "ganc-finetune",
        lambda: finetune_job(checkpoint, widths, teacher, settings, schedule, data, run, init),
        data,
        run,
        shown,
    )
