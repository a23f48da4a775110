"""Command line of stage 3."""

import click

from ganc.cli.command import command
from ganc.cli.jobs import run_training
from ganc.cli.options import (
    FILE,
    POSITIVE,
    data_options,
    distillation_options,
    grouped,
    run_options,
    schedule_options,
)
from ganc.cli.types import SPACE


def _start(teacher, student, space, width, sampling):
    from ganc_supernet.sampling import Sampling
    from ganc_supernet.start import SupernetStart

    if student and width:
        raise click.UsageError("--width is for a supernet without --student; a student brings its own widths")
    return SupernetStart(
        teacher_file=teacher,
        space=space,
        student_file=student,
        width=width,
        sampling=Sampling(sampling),
    )


start_options = grouped(
    "start",
    _start,
    click.option("--teacher", type=FILE, required=True, help="The teacher's checkpoint, from ganc-replace."),
    click.option("--student", type=FILE, help="The distilled student to start from; without it: from scratch."),
    click.option("--space", type=SPACE, default="channels-32", help="A named space, or lists such as 32,24/32,16/…."),
    click.option("--width", type=POSITIVE, show_default="the space's largest", help="Base width, without --student."),
    click.option(
        "--sampling",
        type=click.Choice(["uniform", "sandwich", "weighted"]),
        default="uniform",
        help="A step trains: a random sub-network; the largest, smallest and a random one; or one, wide ones likelier.",
    ),
)


@command("ganc-supernet")
@start_options
@distillation_options
@data_options
@schedule_options(epochs=200, decay_epochs=200)
@run_options
def main(start, settings, schedule, data, run):
    """Stage 3: train all sub-networks of a search space at once.

    The sub-networks share the weights of one generator, the supernet; each step trains a random one, or three.

    \b
    ganc-supernet --teacher replace.safetensors --student distill.safetensors --data horse2zebra \\
                  --space channels-32 -o supernet.safetensors
    ganc-supernet --teacher original.safetensors --data horse2zebra --width 64 \\
                  --space channels-64-cyclegan -o supernet.safetensors
    """
    from ganc_supernet.stage import supernet_job

    job = supernet_job(start, settings, schedule, data, run)
    run_training("ganc-supernet", job, data, [start.teacher_file, start.student_file])
