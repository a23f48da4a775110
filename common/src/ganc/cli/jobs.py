"""Running a training job in a terminal: settings, progress bar, table."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ganc.base.text import DAY, counted, format_duration
from ganc.cli.defaults_file import is_from_file
from ganc.cli.messages import QUIET, VERBOSE, detail, loudness, note, warn
from ganc.cli.options import Shown
from ganc.cli.paths import RUN_FOLDER, Place
from ganc.cli.progress import progress_bar
from ganc.cli.tables import checkpoint_facts, checkpoint_row, settings_line, show_rows, size_text
from ganc.training.settings import DataSettings, RunSettings

if TYPE_CHECKING:
    from tqdm import tqdm

    from ganc.data import TrainingSet
    from ganc.files.checkpoint import Checkpoint
    from ganc.training.job import TrainingJob
    from ganc.training.weights import Weight

FORECAST_STEPS = 2  # behind the first one, until it is said how long a run takes

MOST_READS = 10  # of an image by a refit; more of them are warned of

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.


def run_folder(values: Mapping) -> list[Place]:
    """Return the run's folder as what a training command writes besides -o, where no option says it."""
    if values["run_dir"] is not None:
        return []
    return [Place("the run's folder", RunSettings(output=values["output"]).directory, RUN_FOLDER)]


def run_training(
    name: str, make: Callable[[], "TrainingJob"], data: DataSettings, run: RunSettings, shown: Shown
) -> None:
    """Train with a progress bar on stderr and end with a table on stdout; print the table again if it had finished.

    Args:
        make: makes the job, which takes a while where there are many images.
    """
    if sys.stderr.isatty():
        note(f"{name}: reads {data.folder} and prepares the metric …")
    job = make()
    _say_settings(name, job, data)
    if job.processes.writes:
        _say_what_is_not_reached(job)
        _say_what_is_read_again(job)
    for text in job.notes if job.processes.writes else ():
        note(text)
    if run.dry_run:
        from ganc.cli.dry_run import show_dry_run

        show_dry_run(job, data.evaluated_size, as_json=shown.as_json)
        return
    if run.amp and job.processes.writes:
        _say_precision(run.amp)
    if job.unmeasured and job.processes.writes:
        warn(f"{job.unmeasured}: it trains without one, and its last networks are the result")
    elif job.processes.writes:
        _say_what_chooses(job, data)
    checkpoint = job.finished()
    if checkpoint is not None:
        note(f"{run.output}: already finished; --restart trains anew")
    else:
        for _ in with_progress(job, len(job), _behind(job), job.step.gan_from):
            pass
    if job.processes.writes:
        _show_made(job, checkpoint, shown)


def _say_what_is_not_reached(job: "TrainingJob") -> None:
    """Warn where the run ends before its learning rate has risen, if a user asked for that, or before its GAN loss."""
    schedule, steps = job.course.schedule, len(job)
    ends = counted(steps, "step")
    if schedule.warm_up > steps and _origin("warm_up") != "recipe":
        warn(
            f"--warm-up {schedule.warm_up}: the run ends after {ends}, before the learning rate reaches "
            f"--lr {schedule.learning_rate:g}; choose at most {steps}, or train longer"
        )
    if steps <= job.step.gan_from < math.inf:
        longer = "--epochs" if schedule.max_steps is None else "--max-steps"
        warn(
            f"the run ends after {ends}, before the GAN loss begins in step {int(job.step.gan_from) + 1}: no "
            f"discriminator trains; more {longer} or less --gan-from lets it begin, --gan-weight 0 does without"
        )


def _say_what_is_read_again(job: "TrainingJob") -> None:
    """Warn where a refit that a user asked for takes many more images than there are."""
    if job.start is None or _origin("images") == "recipe":
        return
    count, there = job.start.count, job.start.fewest
    if count > MOST_READS * there:
        warn(
            f"--refit {count}: there are {counted(there, 'training image')}, each of which it reads about "
            f"{count // there:,} times; choose at most {MOST_READS * there}"
        )


def _say_precision(amp: str) -> None:
    from ganc.system.runtime import paddle

    if paddle.get_device() == "cpu":
        warn(f"--amp {amp}: Paddle computes in float32 on a CPU; this tries the path, and saves no time")


def _say_what_chooses(job: "TrainingJob", data: DataSettings) -> None:
    """Say on which images the best network is chosen; warn where these are the ones that it is reported on."""
    if job.chosen_on is None:
        return
    source, chosen_on = data.direction.source, job.chosen_on
    if chosen_on == f"search{source}":
        note(f"the best network is chosen on {chosen_on}, and its metric is measured on other images")
        return
    warn(
        f"the best network is chosen on {chosen_on}, and its metric is of the same images, a little too good then; "
        "'ganc data split' sets images aside for choosing"
    )


def _say_settings(name: str, job: "TrainingJob", data: DataSettings) -> None:
    settings_line(
        name,
        data=data.folder,
        direction=data.direction,
        images=f"{_counts(job.samples, data)} at {size_text(data.crop_size)}",
        cached="yes" if getattr(job.samples, "cached", False) else "no",
        steps=len(job),
        batch=job.course.schedule.batch_size,
        lr=job.course.schedule.learning_rate,
        seed=job.run.seed,
        run_dir=job.run.directory,
        losses=", ".join(f"{loss} {one.value:g} ({_said_by(loss, one)})" for loss, one in job.weights.items()),
    )
    _say_everything(job)


def _counts(samples: "TrainingSet", data: DataSettings) -> str:
    """Return how many pairs there are, or images of each domain, or samples an epoch where nothing tells these."""
    from ganc.data import PairedSet

    if isinstance(samples, PairedSet):
        return f"{len(samples)} pairs"
    lists = {data.direction.source: "source", data.direction.target: "target"}
    counts = {letter: len(getattr(samples, name, ())) for letter, name in lists.items()}
    if not all(counts.values()):
        return f"{len(samples)} an epoch"
    return " and ".join(f"{count} of {letter}" for letter, count in sorted(counts.items()))


def _said_by(loss: str, weight: "Weight") -> str:
    """Return in a word where a loss's weight comes from."""
    option = f"{loss}_weight" if f"{loss}_weight" in click.get_current_context().params else "losses"
    return weight.origin.value if weight.origin.value != "option" else _origin(option)


def _origin(option: str) -> str:
    """Return in a word who says an option's value; its own default counts as the recipe's."""
    context = click.get_current_context()
    if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
        return "option"
    if context.get_parameter_source(option) is ParameterSource.ENVIRONMENT:
        return "environment"
    return "file" if is_from_file(context, option) else "recipe"


def _show_made(job: "TrainingJob", checkpoint: "Checkpoint | None", shown: Shown) -> None:
    """Print what a run made, and whether a run that keeps the best network was worth it."""
    from ganc.files.checkpoint import read_checkpoint
    from ganc.training.best import outcome

    checkpoint = checkpoint or read_checkpoint(job.run.output)
    files = [(job.run.output, checkpoint), *((path, read_checkpoint(path)) for path in job.beside.values())]
    rows, facts = [checkpoint_row(*one) for one in files], [checkpoint_facts(*one) for one in files]
    brought = outcome(job.directory.logged(), checkpoint.training.get("metric"))
    facts[0] |= {"outcome": brought and asdict(brought) | {"helped": brought.helped}}
    show_rows(rows, facts, as_json=shown.as_json)
    if brought and not brought.helped and not shown.as_json:
        before, best = f"{brought.before:.4f}", f"{brought.best:.4f} at best (step {brought.step})"
        metric = brought.metric + (f" on {brought.chosen_on}" if brought.chosen_on else "")
        click.echo(f"training did not help: {metric} was {before} before it, {best}; the file has what was before")


def _behind(job: "TrainingJob") -> int:
    """Return how many steps an earlier run has done, and say where this one goes on."""
    behind = job.behind() if job.processes.writes else 0
    if behind:
        note(f"continues at step {behind + 1} of {len(job)}" if behind < len(job) else "all steps are done already")
    return behind


def _say_everything(job: "TrainingJob") -> None:
    """Say, where -v asks for it, what runs and all settings that determine the result."""
    if loudness() < VERBOSE:
        return
    from ganc.report.plain import plain_lines
    from ganc.system.runtime import engine_threads, paddle
    from ganc.system.versions import paddle_version

    detail(f"Paddle {paddle_version()} on {paddle.get_device()}, {engine_threads()} threads")
    for name, value in plain_lines(job.directory.settings):
        detail(f"  {name}: {value}")


def with_progress(job: Iterable, total: int, behind: int = 0, gan_from: float = 0) -> Iterable:
    """Yield a training job's steps behind a bar that shows the losses, the last metrics and the time left.

    What comes before the first step is shown there too, and not yielded. Of `total` steps `behind` are done; from
    `gan_from` on, counted from 0, they have a GAN loss and take longer.
    """
    with progress_bar(total, "step", behind=behind) as bar:
        metrics: Mapping = {}
        timed_at = 0
        for progress in job:
            if progress.note:
                if progress.note.lasting and loudness() > QUIET:
                    bar.write(progress.note.text, file=sys.stderr)
                bar.set_postfix_str("" if progress.note.lasting else progress.note.text, refresh=sys.stderr.isatty())
                continue
            metrics = progress.ranking or metrics
            if progress.step in (behind + 1, gan_from + 1):
                first, timed_at = time.monotonic(), progress.step + FORECAST_STEPS  # graphs are compiled in it
            elif progress.step == timed_at:
                seconds = (total - progress.step) * (time.monotonic() - first) / FORECAST_STEPS
                _forecast(bar, seconds, slower=progress.step <= gan_from < total)
            if progress.ranking and loudness() >= VERBOSE:
                values = ", ".join(f"{name} {value:.4g}" for name, value in progress.ranking.items())
                bar.write(f"step {progress.step}: {values}", file=sys.stderr)
            # Looking at the losses waits for the device: only when the bar was drawn, and at the end.
            if bar.update(progress.step - bar.n) or progress.step == total:
                shown = {**progress.losses, **metrics}
                bar.set_postfix_str(" ".join(f"{key} {value:.3g}" for key, value in shown.items()), refresh=False)
            yield progress


def _forecast(bar: "tqdm", seconds: float, *, slower: bool) -> None:
    """Say how long the run takes where that is more than a day, or more than that where its steps get slower."""
    if seconds > DAY and loudness() > QUIET:
        bar.write(
            f"this takes {'more than' if slower else 'about'} {format_duration(seconds)} on this machine: "
            "fewer --epochs, --max-steps, a smaller --crop-size or narrower networks take less; "
            "--dry-run says how long, and trains nothing",
            file=sys.stderr,
        )
