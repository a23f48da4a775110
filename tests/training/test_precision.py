"""Mixed precision as far as a CPU shows it, and losses that are no finite numbers."""

import json
import re
from dataclasses import replace

import pytest
from helpers.steps import cycle_step, distillation_step, states, updated
from helpers.support import SIZE, UNTRAINED, assert_equal_states, fail, generator_spec, random_state, succeed
from helpers.training_runs import distill

from ganc.base.errors import RunError
from ganc.files.checkpoint import read_checkpoint
from ganc.files.tensors import read_tensors, write_tensors
from ganc.models.cpu_forms import plain_forms
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import DiscriminatorSpec
from ganc.system.runtime import paddle
from ganc.training.precision import LOOKED_AT, WHITE_LIST, LossGuard, mixed_precision
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_distill.settings import StudentStart
from ganc_distill.stage import distill_job

STEPS = pytest.mark.parametrize("make", [distillation_step, cycle_step], ids=["distillation", "cycle"])


@STEPS
def test_bf16_on_a_cpu_runs_the_same_steps_in_float32(batch, make):
    """Paddle's casts do nothing there; whatever else mixed precision does must not change a bit."""
    plain, mixed = make(), make(amp="bf16")
    for number in range(3):
        assert updated(mixed, *batch, number, 1e-3) == updated(plain, *batch, number, 1e-3)
    for name, state in states(plain).items():
        assert_equal_states(states(mixed)[name], state)


@STEPS
def test_fp16_on_a_cpu_is_refused(batch, make):
    with (
        pytest.raises(RunError, match="--amp fp16 needs a GPU"),
        pytest.warns(UserWarning, match="GradScaler|AmpScaler"),
    ):
        make(amp="fp16").update(*batch, 0, 1e-3)


def test_a_command_says_that_a_cpu_saves_no_time(tiny_data, teacher_file, tmp_path):
    short = ("--max-steps", "2", "--amp")
    said = succeed(*distill(tiny_data, teacher_file, tmp_path / "out", *short, "bf16")).stderr
    assert said.count("warning: --amp bf16: Paddle computes in float32 on a CPU") == 1
    assert json.loads((tmp_path / "out.run" / "settings.json").read_text())["amp"] == "bf16"
    refused = fail(*distill(tiny_data, teacher_file, tmp_path / "out", "--max-steps", "2"))
    assert "amp was bf16, now false" in refused
    succeed(*distill(tiny_data, teacher_file, tmp_path / "plain", "--max-steps", "2"))
    one, other = (read_checkpoint(tmp_path / name) for name in ("out", "plain"))
    assert_equal_states(one.generator, other.generator)


def test_a_run_whose_amp_had_no_type_says_what_it_was(tiny_data, teacher_file, tmp_path):
    out, run = tmp_path / "out", tmp_path / "out.run"
    succeed(*distill(tiny_data, teacher_file, out, "--max-steps", "2"))
    facts, tensors = read_tensors(run / "state.safetensors", "ganc-run-state", 3)
    write_tensors(run / "state.safetensors", facts | {"settings": facts["settings"] | {"amp": True}}, tensors)
    for options, now in (((), "false"), (("--amp", "bf16"), "bf16")):
        said = fail(*distill(tiny_data, teacher_file, out, *options))
        assert re.search(f"other settings \\(amp was fp16, now {now}\\); use --restart", said)
    assert "needs a GPU" in fail(*distill(tiny_data, teacher_file, out, "--amp", "fp16"))


@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_every_convolution_of_a_generator_and_a_discriminator_is_on_the_white_list(capsys, block):
    from paddle.amp.amp_lists import white_list

    generator = Generator.from_state(random_state(replace(generator_spec(8), block=block)))
    judge = Discriminator.from_state(random_state(DiscriminatorSpec(width=4)))
    with plain_forms(), paddle.amp.debugging.collect_operator_stats():
        judge(generator(paddle.zeros([1, 3, 64, 64])))
    used = {name for name in re.findall(r"^ +(\w+) +\|", capsys.readouterr().out, re.MULTILINE) if "conv" in name}
    assert {"conv2d", "conv2d_transpose"} <= used
    assert ("depthwise_conv2d" in used) == (block == "mobile")
    for dtype in ("float16", "bfloat16"):
        assert used <= white_list()[dtype]["O1"] | set(WHITE_LIST)


def test_the_list_is_in_force_within_the_block_alone():
    tracer = paddle.base.framework._dygraph_tracer()
    before = tracer._get_amp_op_list()
    with mixed_precision("bf16"):
        assert set(WHITE_LIST) <= set(tracer._get_amp_op_list()[0])
    assert tracer._get_amp_op_list() == before


@pytest.mark.parametrize(
    ("make", "loss"), [(distillation_step, "reconstruction"), (cycle_step, "cycle")], ids=["distillation", "cycle"]
)
def test_a_loss_that_is_no_number_stops_before_an_optimizer_steps(batch, make, loss):
    step = make()
    updated(step, *batch, 0, 1e-3)
    before, moments = states(step), {name: adam.state() for name, adam in step.optimizers.items()}
    step.task = replace(step.task, **{f"{loss}_weight": float("inf")})
    with pytest.raises(RunError, match=f"the loss '{loss}' became inf: lower --lr"):
        step.update(*batch, 1, 1e-3)
    for name, state in states(step).items():
        assert_equal_states(state, before[name])
    for name, adam in step.optimizers.items():
        assert all((array == moments[name][key]).all() for key, array in adam.state().items())


@pytest.fixture
def elsewhere(monkeypatch):
    """Return a function from whose call on Paddle says that its tensors are on a GPU."""
    return lambda: monkeypatch.setattr(paddle, "get_device", lambda: "gpu:0")


@pytest.fixture
def reads(monkeypatch):
    """A list that grows with each number or array that is made of a tensor, for which a host waits."""
    seen = []

    def counting(name):
        read = getattr(paddle.Tensor, name)

        def count(tensor, *args, **options):
            seen.append(name)
            return read(tensor, *args, **options)

        return count

    for name in ("numpy", "item", "tolist", "__array__", "__bool__", "__float__", "__int__", "__index__"):
        monkeypatch.setattr(paddle.Tensor, name, counting(name))
    return seen


@STEPS
def test_a_step_elsewhere_than_on_a_cpu_waits_for_no_number(batch, make, reads, elsewhere):
    step = make()
    step.update(*batch, 0, 1e-3)
    assert reads  # a CPU's losses are looked at in the step
    elsewhere()
    del reads[:]
    step.update(*batch, 1, 1e-3)
    assert reads == []


def run_spoilt(job, step, steps):
    """Run a job whose reconstruction loss becomes infinite in a step, from 1; adds the steps that it gives."""
    for progress in job:
        steps.append(progress.step)
        if progress.step == step - 1:
            job.step.task = replace(job.step.task, reconstruction_weight=float("inf"))


@pytest.fixture
def job(tiny_data, teacher_file, tmp_path):
    """A distillation of 6 epochs of 6 steps."""
    return distill_job(
        StudentStart(teacher_file=teacher_file, width=4),
        DistillationSettings(discriminator_width=4),
        Schedule(epochs=3, decay_epochs=3, learning_rate=1e-3),
        DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0),
        RunSettings(output=tmp_path / "out", device="cpu", eval_every=0, feature_set=UNTRAINED),
    )


def test_elsewhere_what_a_loss_spoilt_is_not_saved(job, monkeypatch, elsewhere):
    monkeypatch.setattr("ganc.training.job.SAVE_SECONDS", -1.0)  # after each step
    elsewhere()
    with pytest.raises(RunError, match="the loss 'reconstruction' became inf"):
        run_spoilt(job, 4, [])
    assert job.directory.saved_steps() == 3


def test_elsewhere_a_loss_is_told_at_the_end_of_the_epoch_and_the_first_one_named(job, elsewhere):
    elsewhere()
    steps = []
    with pytest.raises(RunError, match="the loss 'reconstruction' became inf"):
        run_spoilt(job, 8, steps)  # whose next step has no finite loss at all
    assert steps[-1] == 11  # an epoch has 6
    assert job.directory.saved_steps() == 0


def test_elsewhere_losses_are_looked_at_every_so_many_steps(elsewhere):
    elsewhere()
    guard, good, bad = LossGuard(), paddle.ones([]), paddle.full([], float("nan"))
    for _ in range(LOOKED_AT):
        guard.add({"gan": good, "cycle": good})
    guard.check()
    guard.add({"gan": good, "cycle": bad})
    for _ in range(LOOKED_AT - 2):
        guard.add({"gan": bad, "cycle": bad})
    with pytest.raises(RunError, match="the loss 'cycle' became nan"):
        guard.add({"gan": bad, "cycle": bad})
