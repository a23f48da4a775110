"""`ganc import`: what other programs trained becomes a ganc file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ganc.base.direction import Direction
from ganc.cli.command import Group, command
from ganc.cli.messages import note
from ganc.cli.options import direction_option, json_option
from ganc.cli.paths import FILE, OUTPUT_FILE, Place
from ganc.cli.tables import checkpoint_facts, checkpoint_row, show_rows
from ganc.cli.types import SIZE, SPACE, EnumChoice
from ganc.models.task import TaskName

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


class FileByDefault(Group):
    """A group whose first word may be a file: `ganc import FILE …` means `ganc import network FILE …`."""

    default = "network"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


@click.group("import", cls=FileByDefault, context_settings={"help_option_names": ["-h", "--help"]})
def import_() -> None:
    """Turn what other programs trained into ganc files.

    Generators of the CycleGAN/pix2pix, GAN Compression and PaddleGAN programs become checkpoints. `ganc import FILE` is
    short for `ganc import network FILE`, whose --help lists the options. No code that a file holds is ever run.

    \b
    ganc import latest_net_G_A.pth -o teacher.safetensors
    ganc import network latest_net_G_A.pth -o teacher.safetensors
    ganc import inception pt_inception-2015-12-05-6726825d.pth
    """


@command("network", page="your-own-generator.md", moved={"space": "Network"})
@click.argument("file", type=FILE)
@click.option("-o", "--output", type=OUTPUT_FILE, required=True, help="The checkpoint to write.")
@click.option("--discriminator", type=FILE, help="File of the discriminator that judges the generator: D_A beside G_A.")
@click.option("--generator-b", type=FILE, help="File of the generator of the reverse direction: G_B.")
@click.option("--discriminator-b", type=FILE, help="File of the reverse direction's discriminator: D_B.")
@click.option(
    "--task",
    type=EnumChoice(TaskName),
    show_default="what the discriminators tell, else cyclegan",
    help="What the generator was trained for, which no file of a generator alone tells.",
)
@direction_option("Which way FILE's generator translates.", default=Direction.A_TO_B)
@click.option("--size", type=SIZE, default="256", help="Image size of its training, N or WxH; no file tells it.")
@click.option(
    "--dropout",
    type=click.FloatRange(0, 1, max_open=True),
    show_default="0.5 in 3x3 blocks, 0 in mobile ones",
    help="Rate of dropout layers; no file tells it.",
)
@click.option(
    "--key", metavar="NAME", help="Which network of FILE, where it holds several, such as ema or state_dict.g_A2B."
)
@click.option("--space", type=SPACE, help="The search space, if FILE is a supernet; no file tells it.")
@json_option
def network(file: Path, output: Path, size: tuple[int, int], as_json: bool, **options: Any) -> None:
    """Make a checkpoint of networks that another program trained.

    FILE holds a ResNet generator with instance norm: a .pth of the CycleGAN/pix2pix or GAN Compression code (full,
    mobile, supernet or compressed), a .pdparams of PaddleGAN, or a .safetensors with tensors of these names. Its
    architecture and widths are read off the tensors; other networks that the same file holds under the usual names come
    with it. No code that a file holds is ever run.

    \b
    ganc import latest_net_G_A.pth --discriminator latest_net_D_A.pth -o teacher.safetensors
    ganc import latest_net_G.pth --discriminator latest_net_D.pth --task pix2pix -o teacher.safetensors
    ganc import epoch_200_weight.pdparams -o teacher.safetensors
    ganc import last.ckpt --key state_dict.g_B2A --direction BtoA -o teacher.safetensors
    """
    others = {role: options.pop(role) for role in ("discriminator", "generator_b", "discriminator_b")}
    files = {"generator": file} | {role: path for role, path in others.items() if path is not None}
    from ganc.files.checkpoint import write_checkpoint
    from ganc.importers import import_checkpoint

    checkpoint = import_checkpoint(files, image_size=size, note=note, **options)
    write_checkpoint(output, checkpoint)
    row = checkpoint_row(output, checkpoint) | {"networks": ", ".join(checkpoint.networks)}
    show_rows([row], checkpoint_facts(output, checkpoint), as_json=as_json)


def _default_weights(values: Mapping) -> list[Place]:
    """Return where the weights are written without -o."""
    from ganc.metrics.inception import weights

    return [] if values["output"] else [Place("the default of -o,", weights.default_weights_file(), OUTPUT_FILE)]


@command("inception", page="metric.md", implied=_default_weights)
@click.argument("file", type=FILE)
@click.option(
    "-o",
    "--output",
    type=OUTPUT_FILE,
    show_default="$GANC_INCEPTION, else inception-v3-fid.safetensors in ganc's cache folder",
    help="The weights to write.",
)
@json_option
def inception(file: Path, output: Path | None, as_json: bool) -> None:
    """Make ganc's file of the FID's Inception weights.

    FILE is pt_inception-2015-12-05-6726825d.pth, the public weights of PyTorch's FID. Afterwards --feature-set
    inception-v3-fid finds them where they are written by default; --feature-set takes another place as a path.

    \b
    ganc import inception pt_inception-2015-12-05-6726825d.pth
    ganc stats --data horse2zebra --feature-set inception-v3-fid -o real_B.npz
    """
    from ganc.importers import read_tensors
    from ganc.metrics.inception import weights

    taken = weights.weights_from(read_tensors(file), file)
    output = output or weights.default_weights_file()
    weights.write_weights(output, taken)
    size = output.stat().st_size
    row = {"file": str(output), "feature set": weights.NAME, "bytes": f"{size:,}"}
    show_rows([row], {"file": str(output), "feature_set": weights.NAME, "bytes": size}, as_json=as_json)


import_.add_command(network)
import_.add_command(inception)
