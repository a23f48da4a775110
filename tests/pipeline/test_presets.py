"""What `ganc compress` chooses: networks, sizes and epochs of its presets."""

import pytest
from helpers.support import generator_spec

from ganc.base.direction import Direction
from ganc.models.space import parse_space
from ganc.models.task import TaskName
from ganc.workflow.configuration import Configuration
from ganc.workflow.estimate import Timings, estimate, steps_of
from ganc.workflow.networks import Networks
from ganc.workflow.preset_names import Preset
from ganc.workflow.presets import Given, configuration_of, scheduled
from ganc.workflow.stage_options import ConfigurationError


def given(**changes: object) -> Given:
    values = {"data": "/data", "out": "/out", "teacher": "/G.pth", "generator": generator_spec(16), "size": (256, 256)}
    values |= {"images": {"trainA": 400, "trainB": 300, "testA": 60, "testB": 60}, "direction": Direction.A_TO_B}
    return Given(**{**values, "max_macs": None, "gpu": False, **changes})


TIMINGS = Timings(
    device="cpu",
    start=2.0,
    first=dict.fromkeys(("replace", "distill", "supernet", "finetune"), 5.0),
    step=dict.fromkeys(("replace", "distill", "supernet", "finetune"), 0.1),
    features=0.01,
    translation=0.01,
)


def test_an_original_is_imitated_by_mobile_blocks_first():
    original = generator_spec(16, block="resnet")
    values = configuration_of(given(generator=original), Preset.MINUTES)
    assert (values["start"], values["replace"]["recipe"]) == ("/G.pth", "imitate")
    assert "teacher" not in values
    networks = Networks.of(Configuration(scheduled(values, Preset.MINUTES, {}, None), []), original)
    assert list(networks.trained) == ["replace", "distill"]
    assert networks.trained["replace"].block == "mobile"
    assert networks.original == original


@pytest.mark.parametrize(("name", "value"), [("widths", "8"), ("n-blocks", 6)])
def test_an_original_that_stage_1_cannot_start_from_is_refused(name, value):
    original = generator_spec(16, block="resnet")
    values = configuration_of(given(generator=original), Preset.MINUTES)
    values["replace"] |= {name: value}
    said = f"replace: {name.replace('-', '_')}: .* not those of the original"
    with pytest.raises(ConfigurationError, match=said):
        Networks.of(Configuration(scheduled(values, Preset.MINUTES, {}, None), []), original)


@pytest.mark.parametrize(("preset", "minutes"), [(Preset.MINUTES, 15), (Preset.OVERNIGHT, 9 * 60)])
@pytest.mark.parametrize("generator", [None, generator_spec(16), generator_spec(16, block="resnet")], ids=str)
def test_a_preset_fills_its_time_and_not_more(preset, minutes, generator):
    asked = given(generator=generator, teacher=generator and "/G.pth")
    values = scheduled(configuration_of(asked, preset), preset, asked.images, TIMINGS)
    configuration = Configuration(values, [])
    networks = Networks.of(configuration, generator)
    seconds = sum(estimate(configuration, networks, asked.images, TIMINGS).values())
    assert 0.6 * minutes <= seconds / 60 <= minutes


@pytest.mark.parametrize("preset", [*Preset])
def test_pairs_are_trained_as_such_and_an_epoch_has_those_that_are_not_set_aside(preset):
    images = {"trainA": 400, "trainB": 400, "testA": 60, "testB": 60}
    asked = given(generator=None, teacher=None, images=images, task=TaskName.PIX2PIX)
    configuration = Configuration(scheduled(configuration_of(asked, preset), preset, images, TIMINGS), [])
    assert configuration.setting("replace", "cycle_weight").task.name is TaskName.PIX2PIX
    assert configuration.task == "--task pix2pix"
    schedule = configuration.setting("replace", "epochs")
    epoch = -(-(400 - configuration.aside) // schedule.batch_size)
    assert steps_of(configuration, "replace", images) == epoch * (schedule.epochs + schedule.decay_epochs)


@pytest.mark.parametrize(("task", "weight"), [(None, 0), (TaskName.CYCLEGAN, 0), (TaskName.PIX2PIX, 1)])
def test_in_minutes_a_student_has_no_discriminator_unless_it_learns_from_pairs(task, weight):
    values = scheduled(configuration_of(given(task=task), Preset.MINUTES), Preset.MINUTES, {}, None)
    assert Configuration(values, []).setting("distill", "gan_weight").gan_weight == weight


def test_a_cpu_trains_on_half_the_side_and_small_images_whole():
    for size, crop in (((256, 256), "128"), ((512, 256), "256x128"), ((64, 64), "64")):
        assert configuration_of(given(size=size), Preset.OVERNIGHT)["images"]["crop-size"] == crop


def test_the_published_settings_are_those_of_the_papers():
    values = scheduled(
        configuration_of(given(teacher=None, generator=None), Preset.PUBLISHED), Preset.PUBLISHED, {}, None
    )
    networks = Networks.of(Configuration(values, []), None)
    assert networks.teacher.widths == (64,) * 8
    assert networks.trained["distill"].widths == (32,) * 8
    assert networks.space == parse_space("channels-32")
    assert [values[stage]["epochs"] for stage in ("replace", "distill", "supernet", "finetune")] == [100, 100, 200, 50]
