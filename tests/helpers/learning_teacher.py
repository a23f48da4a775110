"""A tiny teacher that learns beside its student, and a distillation with it."""

from pathlib import Path

from ganc.files.checkpoint import read_checkpoint
from ganc.models.generator import Generator
from ganc.models.task import CYCLEGAN
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.assembly import Stage
from ganc.training.distillation_job import Distillation, distillation_job
from ganc.training.job import TrainingJob
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from helpers.support import SIZE, UNTRAINED, generator_spec, random_state


class LearningTeacher:
    """Learns to give the target's images and some that it gave before, so weights, moments and pool all matter."""

    def __init__(self, generator: Generator, processes: Processes, engine: str):
        self.generator = generator
        self.networks = {"generator": generator}
        self.optimizers = {"generator": Adam(self.networks, processes)}
        self.pools = {"made": ImagePool(2, 3, f"teacher/{processes.index}")}

    def translate(self, source) -> tuple:
        with paddle.no_grad():
            return self.generator(source, return_taps=True)

    def update(self, source, target, step: int, learning_rate: float) -> dict:
        made = self.generator(source)
        earlier = self.pools["made"].exchange(made.detach(), step)
        loss = paddle.nn.functional.l1_loss(made, target) + paddle.nn.functional.l1_loss(made, earlier)
        self.optimizers["generator"].backward(loss)
        self.optimizers["generator"].step(learning_rate)
        return {"l1": loss.detach()}


def learning_job(data: Path, teacher: Path, output: Path, max_steps: int | None = None) -> TrainingJob:
    """Return a job of 6 steps whose teacher learns."""
    plan = Distillation(
        stage=Stage(name="distill", task=CYCLEGAN),
        teacher=read_checkpoint(teacher),
        student=random_state(generator_spec(4)),
        discriminator=None,
        settings=DistillationSettings(discriminator_width=4),
        subnets_of=lambda step: [None],
        views={"student": None},
        make_teacher=LearningTeacher,
    )
    return distillation_job(
        plan,
        Schedule(epochs=2, decay_epochs=1, batch_size=4, learning_rate=1e-3, max_steps=max_steps),
        DataSettings(folder=data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0),
        RunSettings(output=output, device="cpu", eval_every=1, feature_set=UNTRAINED),
    )
