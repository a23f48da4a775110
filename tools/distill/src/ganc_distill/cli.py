"""Command line of stage 2."""

import click

from ganc.cli.command import command
from ganc.cli.jobs import run_training
from ganc.cli.options import (
    FILE,
    POSITIVE,
    data_options,
    distillation_options,
    grouped,
    refit_options,
    run_options,
    schedule_options,
    setting_options,
)
from ganc.cli.types import BLOCK_COUNT, WIDTHS, EnumChoice
from ganc_distill.settings import OnlineSettings, Ranking

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


@command("ganc-distill")
@click.option("--teacher", type=FILE, help="The teacher's checkpoint, from ganc-replace; needed without --online.")
@click.option("--width", type=POSITIVE, default=32, help="Base width of the student, all segments alike.")
@click.option(
    "--widths",
    type=WIDTHS,
    multiple=True,
    help="Base widths segment by segment, instead of --width. Given again: a sub-network of the first that trains too.",
)
@click.option(
    "--importance",
    type=EnumChoice(Ranking),
    default=Ranking.WRITES.value,
    help="Keep the teacher's channels by the size of the weights that write them, or that read them.",
)
@grouped("online", OnlineSettings, *setting_options(OnlineSettings, types={"n_blocks": BLOCK_COUNT}))
@refit_options
@distillation_options
@data_options
@schedule_options(epochs=100, decay_epochs=100)
@run_options
def main(teacher, width, widths, importance, online, refit, settings, schedule, data, run):
    """Stage 2: distill a teacher into a thinner student.

    The student starts from the teacher's most important channels and learns to give the teacher's images. With
    --online the teacher trains too, and may start fresh: that needs images alone.

    \b
    ganc-distill --teacher replace.safetensors --data horse2zebra --width 32 -o distill.safetensors
    ganc-distill --online --data horse2zebra --width 32 -o distill.safetensors
    """
    from ganc_distill.stage import Start, distill_job

    if teacher is None and not online.online:
        raise click.UsageError("Missing option '--teacher': name the teacher's checkpoint, or train one with --online.")
    numbers, *narrower = widths or ((width,),)
    start = Start(narrower=tuple(narrower), ranking=importance, refit=refit, online=online)
    job = distill_job(teacher, numbers, settings, schedule, data, run, start)
    run_training("ganc-distill", job, data, [teacher])
