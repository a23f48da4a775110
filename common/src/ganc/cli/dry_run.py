"""--dry-run of a training stage: what it would train, what that costs, how long it takes and what it would write."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from ganc.base.text import counted, format_bytes, format_count, format_duration
from ganc.cli.tables import show, show_json, size_text

if TYPE_CHECKING:
    from ganc.training.job import TrainingJob
    from ganc.training.rehearsal import Part, Rehearsal


def show_dry_run(job: "TrainingJob", size: tuple[int, int], as_json: bool) -> None:
    """Print what a job would do, after a few timed steps. The job cannot be run afterwards."""
    from ganc.training.rehearsal import rehearse

    networks = _networks(job, size)
    behind, changed, found = job.behind(), [] if job.run.restart else job.changed(), rehearse(job)
    if not job.processes.writes:
        return
    outputs = [str(path) for path in (job.run.output, *job.beside.values(), job.directory.path)]
    if as_json:
        totals = {"steps": found.steps, "step_seconds": found.step_seconds, "seconds": found.seconds}
        estimate = {**asdict(found), **totals, "steps_done": behind}
        settings = {"settings": job.directory.settings, "image_size": list(size), "networks": networks}
        show_json(settings | {"estimate": estimate, "changed": changed, "would_write": outputs})
        return
    show([_readable(one, size) for one in networks])
    if changed:
        start = "starts over" if job.run.restart_if_changed else "is refused without --restart"
        click.echo(f"{job.directory.path}: has a run of other settings ({'; '.join(changed)}): this one {start}")
    for line in _lines(found, behind, outputs):
        click.echo(line)


def _networks(job: "TrainingJob", size: tuple[int, int]) -> list[dict]:
    """Return the networks that the run would write, with their costs; of a discriminator its parameters.

    Those of checkpoints beside the result have the checkpoint's role before their names.
    """
    from ganc.models.family import format_widths
    from ganc.models.spec import GeneratorSpec

    rows = []
    written = dict(job.step.results)
    for role in job.beside:
        written |= {f"{role}: {name}": network for name, network in job.step.beside[role].networks.items()}
    for name, network in written.items():
        state = network.state()
        spec, params = state.spec, sum(array.size for array in state.tensors.values())
        row = {"network": name, "widths": None, "macs": None, "device_macs": None, "params": params}
        if isinstance(spec, GeneratorSpec):
            row |= {**asdict(spec.costs(size)), "widths": format_widths(spec.widths)}
        rows.append(row)
    return rows


def _readable(row: dict, size: tuple[int, int]) -> dict:
    return {
        "network": row["network"],
        "widths": row["widths"] or "-",
        f"MACs at {size_text(size)}": "-" if row["macs"] is None else format_count(row["macs"]),
        "parameters": format_count(row["params"]),
    }


def _times(part: "Part") -> str:
    kind = "with" if part.gan else "without"
    return f"{part.steps:,} of {format_duration(part.step_seconds)} {kind} a GAN loss"


def _lines(found: "Rehearsal", behind: int, outputs: list[str]) -> list[str]:
    steps = counted(found.steps, "step") + (f" after the {behind:,} that are done" if behind else "")
    times = ", then ".join(map(_times, found.parts)) if len(found.parts) > 1 else ""
    times = f"{format_duration(found.step_seconds)} each" + (f" on average ({times})" if times else "")
    if found.evaluations:
        count = f"{found.evaluations} evaluation{'s' if found.evaluations > 1 else ''}"
        times += f", {count} of {format_duration(found.evaluation_seconds)} besides what the metric takes"
    if found.refit_seconds:
        times += f", the refit before them about {format_duration(found.refit_seconds)}"
    where = f"on {found.device} with {found.threads} thread{'s' if found.threads > 1 else ''}"
    return [
        f"time: {steps} of {times}: about {format_duration(found.seconds)} {where}",
        f"memory: {format_bytes(found.peak_bytes)} at the peak of these steps",
        f"would write {', '.join(outputs)}; nothing was written",
    ]
