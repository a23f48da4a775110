"""Command line of stage 1."""

from ganc.cli.command import command
from ganc.cli.jobs import run_folder, run_training
from ganc.cli.options import (
    Shown,
    data_options,
    grouped,
    recipe_option,
    refit_options,
    run_options,
    schedule_options,
    setting_options,
    stage_options,
)
from ganc.cli.types import BLOCK_COUNT, FAMILY
from ganc.training.settings import DataSettings, RefitSettings, RunSettings, Schedule
from ganc_replace.settings import NEEDS, RECIPES, SCHEDULE, USUAL, ReplaceSettings

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

TYPES = {"family": FAMILY, "n_blocks": BLOCK_COUNT}


@command("ganc-replace", page="method.md", implied=run_folder, needs=NEEDS)
@grouped(
    "settings", ReplaceSettings, *setting_options(ReplaceSettings, types={"family": FAMILY, "n_blocks": BLOCK_COUNT})
)
@recipe_option(RECIPES, USUAL)
@refit_options
@data_options
@schedule_options(**SCHEDULE)
@run_options
@stage_options
def main(
    settings: ReplaceSettings,
    refit: RefitSettings,
    schedule: Schedule,
    data: DataSettings,
    run: RunSettings,
    shown: Shown,
) -> None:
    """Stage 1: train a CycleGAN or a pix2pix whose generators are made of mobile blocks.

    Mobile blocks are cheaper than the original's. The generator is the teacher of the later stages, which read the task
    from the checkpoint.

    \b
    ganc-replace --data horse2zebra -o replace.safetensors
    ganc-replace --task pix2pix --data facades --direction BtoA -o replace.safetensors
    ganc-replace --data horse2zebra --block resnet -o original.safetensors
    ganc-replace --data horse2zebra --init-from original.safetensors --recipe imitate \\
                 -o replace.safetensors
    """
    from ganc_replace.stage import replace_job

    run_training("ganc-replace", lambda: replace_job(settings, schedule, data, run, refit), data, run, shown)
