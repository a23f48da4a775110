"""`ganc compress`: all stages by one command."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganc.base.direction import Direction
from ganc.base.text import DAY, format_duration
from ganc.cli.command import command
from ganc.cli.help import REQUIRED
from ganc.cli.messages import QUIET, loudness, note
from ganc.cli.options import POSITIVE, direction_option, json_option
from ganc.cli.paths import FILE, FOLDER, OUTPUT_FOLDER
from ganc.cli.types import BUDGET, SIZE, EnumChoice
from ganc.models.task import TaskName
from ganc.workflow.preset_names import USUAL, Preset

if TYPE_CHECKING:
    from ganc.data import ImageList
    from ganc.workflow.plan import Plan, Request

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

LONG_SECONDS = DAY  # a run of more is started by those who have seen how long it takes


@command(page="your-own-generator.md", moved={"data": REQUIRED, "output": REQUIRED, "max-macs": "Budget"})
@click.option("--teacher", type=FILE, help="The generator to compress: a .pth, .pdparams or checkpoint of ganc.")
@click.option(
    "--data",
    type=FOLDER,
    help="Folder with trainA, trainB, testA, testB; of pairs side by side train and test. Needed without --config.",
)
@click.option(
    "-o",
    "--output",
    type=OUTPUT_FOLDER,
    help="The folder to write, in which the same command goes on; needed without --config.",
)
@click.option(
    "--max-macs",
    type=BUDGET,
    show_default="half of the teacher's, with mobile blocks",
    help="At most so many MACs, such as 1.4G.",
)
@click.option(
    "--preset",
    type=EnumChoice(Preset),
    show_default=USUAL.value,
    help="How much time to spend: minutes (distill alone), a night, or what the papers do.",
)
@click.option("--size", type=SIZE, show_default="the teacher's, else the images' own up to 256", help="Image size.")
@direction_option("Which way to translate.", default_text=Direction.A_TO_B.value)
@click.option(
    "--task",
    type=EnumChoice(TaskName),
    show_default="what the teacher's file tells, else cyclegan",
    help="pix2pix: the images are pairs. Images side by side need it where no file tells it.",
)
@click.option(
    "--config", type=FILE, help="A configuration of the pipeline (YAML), which says all that is not an option here."
)
@click.option("--cores", type=POSITIVE, show_default="all", help="Cores to use.")
@click.option("--dry-run", is_flag=True, help="Check, say what would be done and how long it takes; write nothing.")
@click.option("--restart", is_flag=True, help="Plan anew in a folder that was begun with other options or files.")
@click.option("--yes", is_flag=True, help="Start it even if it takes days.")
@json_option
def compress(dry_run: bool, yes: bool, as_json: bool, **asked: Any) -> None:
    """Compress a generator, from its file to one that is ready for use.

    Checks all inputs, says what it will do and how long that takes on this machine, and runs the stages one after the
    other. Given again, the same command goes on where it stopped. Without --teacher a generator is trained first.

    \b
    ganc compress --teacher latest_net_G.pth --data horses --max-macs 1.4G -o out
    ganc compress --teacher latest_net_G.pth --data horses --preset cpu-minutes -o out --dry-run
    ganc compress --data horses -o out
    ganc compress --data facades --task pix2pix --direction BtoA -o out
    ganc compress --config run.yaml
    """
    from ganc.base.errors import RunError, SettingError
    from ganc.system.runtime import available_cores
    from ganc.workflow.plan import held, make_plan, write_plan

    try:
        request = _request(**asked)
    except SettingError as error:
        raise click.UsageError(str(error)) from error
    note("checking the inputs")
    plan = make_plan(request, note)
    if dry_run or loudness() > QUIET:
        _show_plan(plan, as_json=as_json and dry_run, err=not dry_run)
    seconds = sum(plan.seconds.values())
    if dry_run:
        return
    if seconds > LONG_SECONDS and not yes:
        raise RunError(
            f"this takes about {format_duration(seconds)} on this machine: --yes starts it, --preset takes less"
        )
    with held(plan.out) as lock:
        write_plan(plan)
        _run(plan, request.cores or available_cores(), lock)
        _show_outcome(plan, as_json)


def _request(*, output: Path | None, config: Path | None, **given: Any) -> "Request":
    from ganc.workflow.plan import Request

    return Request(out=output, configuration=config, **given)


def _show_plan(plan: "Plan", *, as_json: bool, err: bool) -> None:
    """Say what will be done, with what, and how long each step takes; as text it may go to standard error."""
    from ganc.base.text import format_count
    from ganc.cli.tables import show, show_json, size_text
    from ganc.models.family import format_widths

    for line in plan.notes:
        note(line)
    if as_json:
        show_json({"configuration": plan.values, "seconds": plan.seconds, "device": plan.device})
        return
    teacher, size = plan.networks.teacher, plan.networks.image_size
    macs = format_count(teacher.costs(size).macs)
    note(f"teacher {format_widths(teacher.widths)}, {macs} MACs at {size_text(size)}, {plan.device}, into {plan.out}")
    show([_plan_row(plan, step, seconds) for step, seconds in plan.seconds.items()], err=err)
    seconds = sum(plan.seconds.values())
    said = f"in all about {format_duration(seconds)} on this machine" if seconds else "nothing is left to do"
    days = not err and seconds > LONG_SECONDS
    click.echo(said + ("; --yes starts what takes more than a day" if days else ""), err=err)


def _plan_row(plan: "Plan", step: str, seconds: float) -> dict:
    from ganc.base.text import format_count
    from ganc.models.family import format_widths
    from ganc.workflow.estimate import STEPS, steps_of

    spec = plan.networks.trained.get(step)
    widths, macs, steps = "", "", ""
    if spec:
        widths, macs = format_widths(spec.widths), format_count(spec.costs(plan.networks.image_size).macs)
        steps = str(steps_of(plan.configuration, step, plan.images))
    if step == "finetune":
        widths, macs = "as found", f"≤ {macs}"
    about = format_duration(seconds) if seconds else "done"
    return {"step": step, "what": STEPS[step], "widths": widths, "MACs": macs, "steps": steps, "about": about}


def _run(plan: "Plan", cores: int, lock: int) -> None:
    from ganc.workflow.engine import run_pipeline
    from ganc.workflow.plan import CONFIGURATION

    quiet = loudness() <= QUIET
    run_pipeline(plan.out, plan.out / CONFIGURATION, cores, _Said(plan), held=lock, quiet=quiet)


class _Said:
    """Says of each step of a plan that it starts and how long that takes, and in the end how long it took."""

    def __init__(self, plan: "Plan"):
        self._plan = plan
        self._since: dict[str, float] = {}

    def started(self, rule: str) -> None:
        from ganc.workflow.estimate import STEPS

        name = "search" if rule == "search_shard" else rule
        if name in self._plan.seconds and name not in self._since:
            self._since[name] = time.monotonic()
            about = f", about {format_duration(seconds)}" if (seconds := self._plan.seconds[name]) else ""
            note(f"\n{name}: {STEPS[name]}{about}")

    def finished(self, rule: str) -> None:
        if rule in self._since:
            note(f"{rule}: took {format_duration(time.monotonic() - self._since[rule])}")


def _shown_image(out: Path, images: "ImageList") -> Path:
    """Return an image to try the result on; of side-by-side images the half is written as a file of its own."""
    from ganc.data import save_image

    if not images.reading.half:
        return images.paths[0]
    save_image(out / "input.png", images.reading.load(images.paths[0]))
    return out / "input.png"


def _show_outcome(plan: "Plan", as_json: bool) -> None:
    """Print the table, where the report is, and the lines that use the result."""
    import json
    import shlex

    from ganc.cli.tables import show_json
    from ganc.metrics.evaluation import evaluation_images

    out, dist = plan.out, plan.out / "dist"
    if as_json:
        show_json(json.loads((out / "report.json").read_text(encoding="utf-8")))
        return
    source = plan.configuration.direction.source
    image = _shown_image(out, evaluation_images(out / "data", source)[0])
    program = f"import ganc; ganc.load({str(dist)!r}).translate({str(image)!r}).save('translated.png')"
    quoted = shlex.quote(program) if set('"$`\\!') & set(program) else f'"{program}"'
    click.echo((out / "report.md").read_text(encoding="utf-8"))
    click.echo(f"report: {out / 'report.html'}; images to look at: {out / 'strip.jpg'}")
    formats = ", ".join(sorted(path.name for path in dist.iterdir() if path.is_dir()))
    click.echo(f"{dist}: the generator for {formats}; see its README.md\n")
    click.echo(f"ganc translate {shlex.quote(str(dist))} {shlex.quote(str(image))} -o translated.png")
    click.echo(f"python -c {quoted}")
    click.echo(f"ganc inspect {shlex.quote(str(dist))}")
