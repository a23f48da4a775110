"""The toolbox `ganc`: what is useful around the six stages."""

import click

from ganc.cli.command import CONTEXT, Group
from ganc.cli.everywhere import version_option
from ganc.toolbox.bench import bench
from ganc.toolbox.compress import compress
from ganc.toolbox.data import data
from ganc.toolbox.doctor import doctor
from ganc.toolbox.evaluate import evaluate
from ganc.toolbox.files import extract, inspect, merge, profile, select
from ganc.toolbox.import_ import import_
from ganc.toolbox.models import stats
from ganc.toolbox.plot import plot
from ganc.toolbox.report import report
from ganc.toolbox.serve import serve
from ganc.toolbox.translate import translate


@click.group(
    "ganc",
    cls=Group,
    params=[version_option()],
    context_settings=CONTEXT | {"auto_envvar_prefix": "GANC"},
)
def main() -> None:
    """Tools around the six stages that make an image-translation GAN small and fast.

    `ganc compress` runs all of them. They are commands of their own, in this order:

    \b
    ganc-replace   trains the generator that is then compressed, the teacher
    ganc-distill   makes a thinner student of it
    ganc-supernet  trains all sub-networks of the student
    ganc-search    measures the sub-networks
    ganc-finetune  trains the chosen one alone
    ganc-export    writes it for use

    \b
    ganc compress --teacher latest_net_G.pth --data horses --max-macs 1.4G -o out
    ganc data demo images
    ganc inspect replace.safetensors
    ganc select search.h5 --max-macs 2.7G --pareto
    ganc translate finetune.safetensors horse.jpg -o zebra.png
    """


EVALUATING = (evaluate, translate, select, merge, plot, report, bench, serve)
for tool in (compress, doctor, data, stats, import_, inspect, extract, profile, *EVALUATING):
    main.add_command(tool)
