"""Training in two processes, started by Paddle's own launcher on the CPU (gloo)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.support import PATIENCE, SIZE, UNTRAINED, generator_spec, random_state
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import STATE_FORMAT, STATE_VERSION
from ganc.files.tensors import read_tensors
from ganc.models.generator import Generator
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.optimizer import Adam
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_distill.settings import StudentStart
from ganc_distill.stage import distill_job

TESTS = Path(__file__).parents[1]

# What each of the two processes runs. Arguments: images, teacher, folder to write into, this repository's tests.
PROGRAM = """
import sys
from pathlib import Path

import numpy as np

data, teacher, folder = map(Path, sys.argv[1:4])
sys.path.insert(0, sys.argv[4])

from helpers.learning_teacher import learning_job
from helpers.small_cycle import SMALL_CYCLE
from helpers.support import SIZE, UNTRAINED, generator_spec, random_state

from ganc.base.rng import keyed_generator
from ganc.models.generator import Generator
from ganc.system.runtime import paddle, select_device
from ganc.training.optimizer import Adam
from ganc.system.processes import join_processes
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule
from ganc_distill.settings import OnlineSettings, StudentStart
from ganc_distill.stage import distill_job
from ganc_replace.settings import ReplaceSettings
from ganc_replace.stage import replace_job

select_device("cpu")
processes = join_processes()

# Weights that differ until they are shared; half a batch each.
generator = Generator.from_state(random_state(generator_spec(4), seed=10 * processes.index))
processes.share_weights([generator])
x = keyed_generator(0, "x").uniform(-1, 1, (4, 3, 16, 16)).astype(np.float32)
adam = Adam({"generator": generator}, processes)
adam.backward((generator(paddle.to_tensor(x[processes.index :: processes.count])) ** 2).mean())
arrays = {f"weight/{name}": array for name, array in generator.state().tensors.items()}
arrays |= {f"gradient/{n}": p.grad.numpy() for n, p in generator.named_parameters() if p.grad is not None}
np.savez(folder / f"gradients-{processes.index}.npz", **arrays)


def distill(output, max_steps, **over):
    settings = DistillationSettings(discriminator_width=4)
    schedule = Schedule(epochs=2, decay_epochs=1, batch_size=4, learning_rate=1e-3, max_steps=max_steps)
    run = RunSettings(output=output, device="cpu", eval_every=1, feature_set=UNTRAINED, **over)
    return distill_job(StudentStart(teacher_file=teacher, width=4), settings, schedule, DATA, run)


# Each process has pools of its own, of two images, which are full after the first step.
def replace(output, max_steps):
    schedule = Schedule(epochs=2, decay_epochs=1, batch_size=4, learning_rate=1e-3, max_steps=max_steps)
    run = RunSettings(output=output, device="cpu", eval_every=0, feature_set=UNTRAINED)
    return replace_job(SMALL_CYCLE, schedule, DATA, run)


def online(output, max_steps):
    online = OnlineSettings(online=True, teacher_width=4, n_blocks=3)
    settings = DistillationSettings(discriminator_width=4)
    schedule = Schedule(epochs=2, decay_epochs=1, batch_size=4, learning_rate=1e-3, max_steps=max_steps)
    run = RunSettings(output=output, device="cpu", feature_set=UNTRAINED)
    return distill_job(StudentStart(width=2), settings, schedule, DATA, run, online=online)


def learning(output, max_steps):
    return learning_job(data, teacher, output, max_steps)


def train(make, name, max_steps=None, **over):
    job = make(folder / name, max_steps, **over)
    steps = [progress.step for progress in job if progress.step]
    tensors = {}
    for network, state in ((name, network.state()) for name, network in job.step.networks.items()):
        tensors |= {f"{network}.{key}": array for key, array in state.tensors.items()}
    np.savez(folder / f"{name}-{processes.index}.npz", steps=np.array(steps), **tensors)


DATA = DataSettings(folder=data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0)
for make in (distill, replace, learning, online):
    train(make, f"{make.__name__}-whole")
    train(make, f"{make.__name__}-cut", max_steps=3)
    train(make, f"{make.__name__}-cut")
for dropout in (0.0, 0.5):
    flat = DataSettings(folder=folder / "flat", load_size=(SIZE, SIZE), crop_size=(SIZE, SIZE), workers=0)
    settings = ReplaceSettings(width=4, n_blocks=3, dropout=dropout, discriminator_width=4)
    run = RunSettings(output=folder / f"flat-{dropout}", device="cpu", eval_every=0, feature_set=UNTRAINED)
    job = replace_job(settings, Schedule(epochs=1, decay_epochs=0, batch_size=2), flat, run)
    cycle = [progress.losses["cycle"] for progress in job]
    np.savez(folder / f"flat-{dropout}-{processes.index}.npz", cycle=np.array(cycle))
train(distill, "over", seed=1)
train(distill, "over", restart_if_changed=True)  # another seed
"""


@pytest.fixture(scope="module")
def folder(tiny_data, teacher_file, tmp_path_factory):
    """What two processes wrote."""
    if paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count():
        pytest.skip("here the launcher would use GPUs")
    folder = tmp_path_factory.mktemp("processes")
    (folder / "program.py").write_text(PROGRAM)
    for name in ("trainA/1", "trainA/2", "trainB/1", "trainB/2"):
        (folder / "flat" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (SIZE, SIZE), (90, 120, 60)).save(folder / "flat" / f"{name}.png")
    launcher = [
        sys.executable,
        "-m",
        "paddle.distributed.launch",
        "--nproc_per_node",
        "2",
        "--log_dir",
        folder / "logs",
    ]
    done = subprocess.run(
        [*map(str, launcher), *map(str, (folder / "program.py", tiny_data, teacher_file, folder, TESTS))],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        logs = "\n".join(path.read_text()[-3000:] for path in sorted((folder / "logs").glob("workerlog.*")))
        pytest.fail(f"{done.stderr[-2000:]}\n{logs}")
    return folder


def saved(folder, name):
    return [dict(np.load(folder / f"{name}-{index}.npz", allow_pickle=False)) for index in (0, 1)]


@pytest.mark.paddle26
def test_every_process_starts_from_the_weights_of_the_first(folder):
    for tensors in saved(folder, "gradients"):
        for name, array in random_state(generator_spec(4), seed=0).tensors.items():
            np.testing.assert_array_equal(tensors[f"weight/{name}"], array)


@pytest.mark.paddle26
def test_averaged_gradients_are_those_of_the_whole_batch_in_one_process(folder):
    generator = Generator.from_state(random_state(generator_spec(4), seed=0))
    x = keyed_generator(0, "x").uniform(-1, 1, (4, 3, 16, 16)).astype(np.float32)
    Adam({"generator": generator}, Processes()).backward((generator(paddle.to_tensor(x)) ** 2).mean())
    gradients = {name: p.grad.numpy() for name, p in generator.named_parameters() if p.grad is not None}
    for tensors in saved(folder, "gradients"):
        assert {name for name in tensors if name.startswith("gradient/")} == {f"gradient/{name}" for name in gradients}
        for name, gradient in gradients.items():
            np.testing.assert_allclose(tensors[f"gradient/{name}"], gradient, rtol=0, atol=1e-5, err_msg=name)
    assert max(np.abs(gradient).max() for gradient in gradients.values()) > 0.01


@pytest.mark.paddle26
def test_trained_weights_are_equal_in_both_processes_and_the_first_writes_them(folder):
    first, second = saved(folder, "distill-whole")
    assert first["steps"].tolist() == second["steps"].tolist() == [1, 2, 3, 4, 5, 6]
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array, err_msg=name)
    checkpoint = read_checkpoint(folder / "distill-whole")
    for network, state in checkpoint.networks.items():
        for name, array in state.tensors.items():
            np.testing.assert_array_equal(first[f"{network}.{name}"], array)
    assert checkpoint.training["image_size"] == [SIZE, SIZE]


@pytest.mark.parametrize("kind", ["distill", "replace", "learning", "online"])
def test_a_run_of_two_processes_goes_on_where_it_stopped(folder, kind):
    first, second = saved(folder, f"{kind}-cut")
    assert first["steps"].tolist() == second["steps"].tolist() == [4, 5, 6]
    assert (folder / f"{kind}-cut").read_bytes() == (folder / f"{kind}-whole").read_bytes()


def test_all_processes_start_over_where_settings_changed(folder):
    for one in saved(folder, "over"):
        assert one["steps"].tolist() == [1, 2, 3, 4, 5, 6]
    assert (folder / "over").read_bytes() == (folder / "distill-whole").read_bytes()


def test_a_teacher_that_trains_in_two_processes_is_written_as_if_it_had_never_stopped(folder):
    teacher = read_checkpoint(folder / "online-whole.teacher")
    assert teacher.digest == read_checkpoint(folder / "online-whole").sources["teacher"]
    assert (folder / "online-cut.teacher").read_bytes() == (folder / "online-whole.teacher").read_bytes()


def test_each_process_has_dropout_masks_of_its_own(folder):
    """All images are one colour, so that nothing else differs."""
    for dropout, same in ((0.0, True), (0.5, False)):
        first, second = saved(folder, f"flat-{dropout}")
        assert (first["cycle"] == second["cycle"]).all() == same


@pytest.mark.parametrize("pool", ["pool.discriminator", "pool.discriminator_b", "teacher.pool.made"])
def test_the_pools_of_both_processes_are_saved(folder, pool):
    run = "learning-whole.run" if pool.startswith("teacher") else "replace-whole.run"
    _, arrays = read_tensors(folder / run / "state.safetensors", STATE_FORMAT, STATE_VERSION)
    assert arrays[pool].shape == arrays[f"process.1.{pool}"].shape == (2, 3, SIZE, SIZE)
    assert (arrays[pool] != arrays[f"process.1.{pool}"]).any()


def test_two_processes_train_what_one_trains(folder, tiny_data, teacher_file, tmp_path):
    """They draw the same images; only the sums are taken in another order."""
    job = distill_job(
        StudentStart(teacher_file=teacher_file, width=4),
        DistillationSettings(discriminator_width=4),
        Schedule(epochs=2, decay_epochs=1, batch_size=4, learning_rate=1e-3),
        DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0),
        RunSettings(output=tmp_path / "one", device="cpu", eval_every=1, feature_set=UNTRAINED),
    )
    for _ in job:
        pass
    one, two = read_checkpoint(tmp_path / "one"), read_checkpoint(folder / "distill-whole")
    assert one.training | {"metric": None} == two.training | {"metric": None}
    assert one.training["metric"]["value"] == pytest.approx(two.training["metric"]["value"], rel=1e-3)
    for name, array in one.generator.tensors.items():
        np.testing.assert_allclose(two.generator.tensors[name], array, rtol=0, atol=1e-4, err_msg=name)
