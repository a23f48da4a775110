"""Command line of stage 1."""

from dataclasses import replace

import click

from ganc.cli.command import command
from ganc.cli.jobs import run_training
from ganc.cli.options import FILE, POSITIVE, WEIGHT, data_options, run_options, schedule_options
from ganc.cli.types import BLOCK_COUNT, WIDTHS


@command("ganc-replace")
@click.option("--width", type=POSITIVE, default=64, help="Base width of the generators, all stages alike.")
@click.option("--widths", type=WIDTHS, help="Base widths stage by stage, instead of --width.")
@click.option("--block", type=click.Choice(["mobile", "resnet"]), default="mobile", help="resnet is the original.")
@click.option("--n-blocks", type=BLOCK_COUNT, default=9, help="Residual blocks, a multiple of 3.")
@click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="Dropout in the blocks.")
@click.option("--discriminator-width", type=POSITIVE, default=64, help="Base width of the discriminators.")
@click.option("--init-from", type=FILE, help="A checkpoint whose tensors to start from where they fit.")
@click.option("--gan-weight", type=WEIGHT, default=1.0, help="Weight of the GAN losses.")
@click.option("--cycle-weight", type=WEIGHT, default=10.0, help="Weight of the cycle losses.")
@click.option("--identity-weight", type=WEIGHT, default=0.5, help="Weight of identity losses, times --cycle-weight.")
@data_options
@schedule_options(epochs=100, decay_epochs=100)
@run_options
def main(width, widths, block, n_blocks, dropout, discriminator_width, init_from, schedule, data, run, **weights):
    """Stage 1: train a CycleGAN whose generators are made of mobile blocks.

    Mobile blocks are cheaper than the original's. The generator is the teacher of the later stages.

    \b
    ganc-replace --data horse2zebra -o replace.safetensors
    ganc-replace --data horse2zebra --block resnet -o original.safetensors
    ganc-replace --data horse2zebra --init-from original.safetensors -o replace.safetensors
    """
    from ganc.models.spec import RESNET, GeneratorSpec
    from ganc.models.task import CYCLEGAN
    from ganc_replace.stage import Replacement, replace_job

    spec = GeneratorSpec(widths=widths or (width,) * RESNET.stages, block=block, n_blocks=n_blocks, dropout=dropout)
    plan = Replacement(
        task=replace(CYCLEGAN, **weights),
        generator=spec,
        discriminator_width=discriminator_width,
        init_from=init_from,
    )
    run_training("ganc-replace", replace_job(plan, schedule, data, run), schedule, data, run, [init_from])
