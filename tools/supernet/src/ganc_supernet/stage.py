"""Stage 3: train every sub-network at once, some of them each step (Once-for-All, arXiv 1908.09791)."""

from ganc.files.checkpoint import DISCRIMINATOR, Checkpoint, read_checkpoint
from ganc.models.convolutions import NetworkState, initial_state
from ganc.models.family import format_widths
from ganc.models.spec import GeneratorSpec
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.job import TrainingJob
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_supernet.sampling import subnets_of_step
from ganc_supernet.settings import SupernetStart

STAGE = "supernet"


def supernet_job(
    start: SupernetStart, settings: DistillationSettings, schedule: Schedule, data: DataSettings, run: RunSettings
) -> TrainingJob:
    """Return the job that trains a supernet.

    Raises:
        GancError: a file, the images or the settings cannot be used; the message says which.
    """
    teacher = read_checkpoint(start.teacher_file).facing(data.direction, start.teacher_file)
    student = None
    if start.student_file:
        student = read_checkpoint(start.student_file).facing(data.direction, start.student_file)
    state = student.generator if student else _fresh(start, teacher, run.seed)
    start.space.require_within(state.spec.widths)
    sampled = {"space": start.space.text, "sampling": start.sampling.value}
    stage = Stage(
        name=STAGE,
        task=settings.applied_to((student or teacher).task),  # the weights that the student was distilled with
        sources={"teacher": teacher.digest} | ({"student": student.digest} if student else {}),
        facts=sampled,
        choices={**sampled, "widths": format_widths(state.spec.widths)},
    )
    plan = Distillation(
        stage=stage,
        teacher=teacher,
        student=state,
        discriminator=student.networks.get(DISCRIMINATOR) if student else None,
        settings=settings,
        subnets_of=lambda step: subnets_of_step(start.sampling, start.space, run.seed, step),
        views={"largest": start.space.largest, "smallest": start.space.smallest},
    )
    return distillation_job(plan, schedule, data, run)


def _fresh(start: SupernetStart, teacher: Checkpoint, seed: int) -> NetworkState:
    theirs: GeneratorSpec = teacher.generator.spec
    spec = GeneratorSpec(
        widths=theirs.shape.full_widths((start.width,)) if start.width else start.space.largest,
        block=theirs.shape.blocks[0],
        n_blocks=theirs.n_blocks,
        in_channels=theirs.in_channels,
        out_channels=theirs.out_channels,
        family=theirs.family,
    )
    return initial_state(spec, seed, f"initialise/{STAGE}/generator")
