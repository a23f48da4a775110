"""The parts of training: schedule, image pool, Adam, what the settings objects hold."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.support import generator_spec, random_state

from ganc.base.errors import RunError, SettingError, SpecError
from ganc.base.rng import keyed_generator
from ganc.files.run_directory import RunDirectory
from ganc.models.generator import Generator
from ganc.models.task import CYCLEGAN
from ganc.system.processes import Processes
from ganc.system.runtime import paddle
from ganc.training.course import Course
from ganc.training.optimizer import Adam
from ganc.training.pool import ImagePool
from ganc.training.settings import DataSettings, DistillationSettings, RunSettings, Schedule


@pytest.mark.paddle26
@pytest.mark.parametrize(("constant", "decay"), [(100, 100), (200, 200), (3, 5), (0, 4), (7, 0), (1, 1)])
def test_the_learning_rate_s_factor_is_the_published_one(constant, decay):
    schedule = Schedule(epochs=constant, decay_epochs=decay)
    factors = [schedule.factor(epoch) for epoch in range(constant + decay)]
    falling = [(decay - past) / (decay + 1) for past in range(decay)]
    np.testing.assert_allclose(factors, [1.0] * constant + falling if constant else falling, rtol=0, atol=1e-12)
    assert factors[-1] == pytest.approx(1 / (decay + 1))
    assert min(factors) > 0


def test_the_factor_falls_from_the_epoch_after_the_constant_ones():
    """1 - max(0, epoch + 1 - constant) / (decay + 1): the constant part ends one epoch early, as published."""
    schedule = Schedule(epochs=3, decay_epochs=4)
    assert [schedule.factor(epoch) for epoch in range(7)] == pytest.approx([1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_a_run_s_steps_and_what_cuts_them_short():
    schedule = Schedule(epochs=3, decay_epochs=2)
    assert schedule.steps(10) == 50
    assert dataclasses.replace(schedule, max_steps=20).steps(10) == 20
    assert dataclasses.replace(schedule, max_steps=200).steps(10) == 50
    assert dataclasses.replace(schedule, max_steps=20).factor(4) == schedule.factor(4)


def test_a_warm_up_rises_linearly_to_the_whole_rate_and_multiplies_the_decay():
    course = Course(Schedule(epochs=1, decay_epochs=3, learning_rate=0.1, warm_up=4), epoch_steps=3)
    cold = Course(Schedule(epochs=1, decay_epochs=3, learning_rate=0.1), epoch_steps=3)
    rates, plain = ([one.learning_rate(step) for step in range(12)] for one in (course, cold))
    assert rates[:3] == pytest.approx([0.025, 0.05, 0.075])
    assert rates[3:] == plain[3:]


def test_what_is_not_used_of_a_schedule_is_not_in_its_identity():
    """So that runs go on that began before there was such a setting."""
    plain = Schedule(epochs=3, decay_epochs=2, max_steps=7)
    assert plain.identity == {"epochs": 3, "decay_epochs": 2, "batch_size": 1, "learning_rate": 2e-4}
    used = dataclasses.replace(plain, warm_up=5, ema=0.9)
    assert used.identity == plain.identity | {"warm_up": 5, "ema": 0.9}


def test_a_run_without_epochs_is_refused():
    with pytest.raises(SettingError, match="epochs"):
        Schedule(epochs=0, decay_epochs=0)


def test_settings_say_where_a_run_writes():
    assert RunSettings(output=Path("a/out.safetensors")).directory == Path("a/out.safetensors.run")
    assert RunSettings(output=Path("a/out.safetensors"), run_dir=Path("b")).directory == Path("b")


def test_images_are_loaded_a_little_larger_than_the_crop_unless_a_size_is_said():
    assert DataSettings(folder=Path("d")).load_size == (286, 286)
    assert DataSettings(folder=Path("d"), crop_size=(128, 64)).load_size == (143, 72)
    assert DataSettings(folder=Path("d"), load_size=(300, 280)).load_size == (300, 280)


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (Schedule, {"epochs": -1}, "epochs"),
        (Schedule, {"decay_epochs": -1}, "decay_epochs"),
        (Schedule, {"max_steps": 0}, "max_steps"),
        (Schedule, {"batch_size": 0}, "batch_size"),
        (Schedule, {"learning_rate": 0.0}, "learning_rate"),
        (Schedule, {"learning_rate": 1.5}, "learning_rate"),
        (Schedule, {"learning_rate": float("nan")}, "learning_rate"),
        (Schedule, {"warm_up": -1}, "warm_up"),
        (Schedule, {"ema": 1.0}, "ema"),
        (Schedule, {"ema": -0.1}, "ema"),
        (DataSettings, {"workers": -1}, "workers"),
        (DataSettings, {"cache_memory": -1}, "cache_memory"),
        (RunSettings, {"seed": -1}, "seed"),
        (RunSettings, {"seed": 2**32}, "seed"),
        (RunSettings, {"eval_every": -1}, "eval_every"),
        (DistillationSettings, {"gan_weight": -1.0}, "gan_weight"),
        (DistillationSettings, {"reconstruction_weight": -1.0}, "reconstruction_weight"),
        (DistillationSettings, {"feature_weight": -1.0}, "feature_weight"),
        (DistillationSettings, {"discriminator_width": 0}, "discriminator_width"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_value_outside_its_limits_is_refused_by_the_settings_themselves(kind, values, named):
    needed = {
        Schedule: {"epochs": 1, "decay_epochs": 1},
        DataSettings: {"folder": Path("d")},
        RunSettings: {"output": Path("o")},
        DistillationSettings: {},
    }
    with pytest.raises(SettingError, match=rf"^{named} .*{re.escape(str(values[named]))}"):
        kind(**needed[kind] | values)


def test_a_direction_that_there_is_not_is_refused():
    with pytest.raises(SpecError, match="sideways"):
        DataSettings(folder=Path("d"), direction="sideways")


def test_only_the_weights_that_were_given_change_a_task():
    assert DistillationSettings().applied_to(CYCLEGAN) == CYCLEGAN
    changed = DistillationSettings(gan_weight=0.0, feature_weight=2.0).applied_to(CYCLEGAN)
    assert changed == dataclasses.replace(CYCLEGAN, gan_weight=0.0, feature_weight=2.0)


def numbered(*numbers):
    return np.array(numbers, np.float32).reshape(-1, 1, 1, 1)


def test_a_pool_fills_with_the_first_images_and_hands_them_back():
    pool = ImagePool(4, seed=0, stream="pool")
    for step in range(2):
        images = numbered(2 * step, 2 * step + 1)
        np.testing.assert_array_equal(pool.exchange(images, step), images)
    np.testing.assert_array_equal(pool.state()[""], numbered(0, 1, 2, 3))


@pytest.mark.paddle26
def test_half_of_a_full_pool_s_images_are_older_ones_each_given_back_once():
    pool, size, steps = ImagePool(10, seed=3, stream="pool"), 10, 3000
    given = np.concatenate([pool.exchange(numbered(step), step) for step in range(steps)]).ravel()
    later = given[size:]
    older = later != np.arange(size, steps)
    assert older.mean() == pytest.approx(0.5, abs=5 * 0.5 / steps**0.5)
    assert (later[older] < np.arange(size, steps)[older]).all()
    returned = later[older]
    assert len(set(returned)) == len(returned)
    assert not set(returned) & set(pool.state()[""].ravel())
    assert len(pool.state()[""]) == size
    # Each slot is left with probability 0.5 / size a step: an image waits 2 * size steps on average.
    waited = (np.arange(size, steps)[older] - returned)[returned >= size]
    assert waited.mean() == pytest.approx(2 * size, rel=0.15)


def test_a_pool_of_size_0_shows_the_newest_images_only():
    pool = ImagePool(0, seed=0, stream="pool")
    for step in range(5):
        np.testing.assert_array_equal(pool.exchange(numbered(step, -step), step), numbered(step, -step))
    assert pool.state()[""].size == 0


def test_a_batch_larger_than_the_pool_goes_through_it():
    pool = ImagePool(2, seed=0, stream="pool")
    given = [pool.exchange(numbered(*range(5 * step, 5 * step + 5)), step) for step in range(20)]
    assert all(out.shape == (5, 1, 1, 1) for out in given)
    np.testing.assert_array_equal(given[0][:2], numbered(0, 1))
    assert len(pool.state()[""]) == 2


def test_a_pool_depends_on_seed_stream_and_step_and_goes_on_from_its_state():
    def run(pool, steps):
        return [float(pool.exchange(numbered(step), step).item()) for step in steps]

    whole = run(ImagePool(5, 1, "a"), range(60))
    assert run(ImagePool(5, 1, "a"), range(60)) == whole
    assert run(ImagePool(5, 2, "a"), range(60)) != whole
    assert run(ImagePool(5, 1, "b"), range(60)) != whole
    for cut in (0, 3, 30):
        first, second = ImagePool(5, 1, "a"), ImagePool(5, 1, "a")
        head = run(first, range(cut))
        second.load(first.state())
        assert head + run(second, range(cut, 60)) == whole


def test_a_pool_s_state_stays_as_it_was_taken():
    pool = ImagePool(2, 0, "a")
    pool.exchange(numbered(1, 2), 0)
    state = pool.state()[""]
    for step in range(1, 9):
        pool.exchange(numbered(3, 4), step)
    np.testing.assert_array_equal(state, numbered(1, 2))
    assert (pool.state()[""] != state).any()


def image_loss(generator, step):
    x = keyed_generator(0, "x", step).uniform(-1, 1, (1, 3, 16, 16)).astype(np.float32)
    return (generator(paddle.to_tensor(x)) ** 2).mean()


def trained(generator, adam, steps, rate=1e-2):
    for step in steps:
        adam.backward(image_loss(generator, step))
        adam.step(rate * (1 + step % 3))
    return generator.state().tensors


@pytest.mark.paddle26
def test_adam_does_what_its_paper_says():
    """Kingma and Ba, arXiv 1412.6980, algorithm 1, with betas (0.5, 0.999) and eps 1e-8."""
    generator = Generator.from_state(random_state(generator_spec(2)))
    adam = Adam({"generator": generator}, Processes())
    expected = {name: array.astype(np.float64) for name, array in generator.state().tensors.items()}
    first = {name: np.zeros_like(array) for name, array in expected.items()}
    second = {name: np.zeros_like(array) for name, array in expected.items()}
    for step, rate in enumerate((1e-2, 3e-3, 1e-3), 1):
        adam.backward(image_loss(generator, step))
        gradients = {name: p.grad.numpy() for name, p in generator.named_parameters() if p.grad is not None}
        adam.step(rate)
        for name, gradient in gradients.items():
            first[name] = 0.5 * first[name] + 0.5 * gradient
            second[name] = 0.999 * second[name] + 0.001 * np.float64(gradient) ** 2
            mean, square = first[name] / (1 - 0.5**step), second[name] / (1 - 0.999**step)
            expected[name] -= rate * mean / (np.sqrt(square) + 1e-8)
    for name, array in generator.state().tensors.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)
    assert all(p.grad is None or not p.grad.numpy().any() for p in generator.parameters())


def test_parameters_without_a_gradient_keep_their_values():
    generator = Generator.from_state(random_state(generator_spec(2)))
    before = generator.state().tensors
    after = trained(generator, Adam({"generator": generator}, Processes()), range(3))
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {name for name in before if name.endswith(".weight")} | {"stages.7.output.bias"}


@pytest.mark.paddle26
def test_adam_goes_on_bit_by_bit_from_what_it_gave_out(tmp_path):
    """In a new object, whose parameters have other names inside Paddle, and through a file."""
    from safetensors.numpy import load_file, save_file

    start = random_state(generator_spec(2))
    whole, half = Generator.from_state(start), Generator.from_state(start)
    expected = trained(whole, Adam({"generator": whole}, Processes()), range(8))
    first = Adam({"generator": half}, Processes())
    trained(half, first, range(4))
    save_file(first.state(), tmp_path / "moments")
    again = Generator.from_state(half.state())
    second = Adam({"generator": again}, Processes())
    second.load(load_file(tmp_path / "moments"))
    resumed = trained(again, second, range(4, 8))
    for name, array in expected.items():
        np.testing.assert_array_equal(resumed[name], array, err_msg=name)
    # and the moments matter: without them the weights are others
    forgetful = Generator.from_state(half.state())
    forgotten = trained(forgetful, Adam({"generator": forgetful}, Processes()), range(4, 8))
    assert (forgotten["stages.0.conv.weight"] != expected["stages.0.conv.weight"]).any()


def test_adam_s_state_is_named_by_network_and_parameter():
    networks = {name: Generator.from_state(random_state(generator_spec(2))) for name in ("one", "other")}
    adam = Adam(networks, Processes())
    assert adam.state() == {}
    adam.backward(sum(image_loss(network, 0) for network in networks.values()))
    adam.step(1e-3)
    state = adam.state()
    owners = {key.partition("/")[0] for key in state}
    weights = {name for name in random_state(generator_spec(2)).tensors if name.endswith(".weight")}
    assert owners >= {f"{network}.{name}" for network in networks for name in weights}
    assert all(key.partition("/")[2].startswith(("moment", "beta")) for key in state)
    moments = [array for key, array in state.items() if key.startswith("one.stages.0.conv.weight/moment")]
    assert [array.shape for array in moments] == [(2, 3, 7, 7)] * 2


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run", {"seed": 1, "crop_size": (64, 48)})


def test_a_run_directory_keeps_settings_state_and_log(run, tmp_path):
    tensors = {"a": np.arange(3, dtype=np.float32)}
    with run.opened(restart=False):
        assert run.load_state() is None
        run.save_state({"step": 4, "finished": None}, tensors)
        for step in (2, 4, 6):
            run.log({"step": step})
    again = RunDirectory(tmp_path / "run", {"crop_size": [64, 48], "seed": 1})
    with again.opened(restart=False):
        facts, saved = again.load_state()
        assert facts["step"] == 4
        np.testing.assert_array_equal(saved["a"], tensors["a"])
        again.cut_log(4)
    lines = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]


def test_a_log_that_was_cut_off_in_a_line_is_mended(run, tmp_path):
    with run.opened(restart=False):
        run.log({"step": 1})
        with (tmp_path / "run" / "log.jsonl").open("a") as log:
            log.write('{"step": 2, "los')
        run.cut_log(5)
    assert (tmp_path / "run" / "log.jsonl").read_text() == '{"step": 1}\n'


def test_other_settings_are_refused_and_every_change_is_named(run, tmp_path):
    with run.opened(restart=False):
        run.save_state({"step": 1, "finished": None}, {})  # without a state there is nothing to protect
    other = RunDirectory(tmp_path / "run", {"seed": 2, "crop_size": [64, 48], "amp": True})
    named = "amp was absent, now true; seed was 1, now 2.*--restart"
    with pytest.raises(RunError, match=named), other.opened(restart=False):
        pytest.fail("the block must not run")
    with other.opened(restart=True):
        pass
    with other.opened(restart=False):
        pass


def test_damaged_files_of_a_run_are_named_with_the_cure(run, tmp_path):
    with run.opened(restart=False):
        run.save_state({"step": 1, "finished": None}, {})
        (tmp_path / "run" / "state.safetensors").write_bytes(b"half a file")
        with pytest.raises(RunError, match=r"state\.safetensors.*--restart"):
            run.load_state()
    (tmp_path / "run" / "settings.json").write_text("{")
    with pytest.raises(RunError, match=r"settings\.json.*--restart"), run.opened(restart=False):
        pytest.fail("the block must not run")
    (tmp_path / "run" / "settings.json").unlink()  # nothing says which run the state belongs to
    with pytest.raises(RunError, match=r"settings\.json.*--restart"), run.opened(restart=False):
        pytest.fail("the block must not run")
    with run.opened(restart=True):
        assert run.load_state() is None


def test_a_run_directory_is_held_by_one_at_a_time(run, tmp_path):
    second = RunDirectory(tmp_path / "run", run.settings)
    with run.opened(restart=False):
        refused = pytest.raises(RunError, match=str(tmp_path / "run"))
        with refused, second.opened(restart=True):
            pytest.fail("the block must not run")
    with second.opened(restart=False):
        pass


def test_settings_and_log_nested_too_deeply_are_damaged_ones(run, tmp_path):
    deep = "[" * 20_000 + "]" * 20_000
    with run.opened(restart=False):
        run.save_state({"step": 1, "finished": None}, {})
        (tmp_path / "run" / "log.jsonl").write_text(f'{{"step": 1}}\n{deep}\n')
        run.cut_log(1)
        assert (tmp_path / "run" / "log.jsonl").read_text() == '{"step": 1}\n'
    (tmp_path / "run" / "settings.json").write_text(deep)
    with pytest.raises(RunError, match=r"settings\.json"), run.opened(restart=False):
        pytest.fail("the block must not run")
