"""The toolbox `ganc`: what is useful around the six stages."""

import click

from ganc import __version__
from ganc.cli.toolbox_data import data
from ganc.cli.toolbox_files import inspect, merge, profile, select
from ganc.cli.toolbox_models import evaluate, stats, translate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ganc")
def main():
    """Compress image-translation GANs: the toolbox around ganc-replace, -distill, -supernet, -search, -finetune, -export.

    \b
    ganc data demo pictures
    ganc inspect replace.safetensors
    ganc select search.h5 --max-macs 2.7G --pareto
    ganc translate finetune.safetensors horse.jpg -o zebra.png
    """


for tool in (data, stats, inspect, profile, evaluate, translate, select, merge):
    main.add_command(tool)
