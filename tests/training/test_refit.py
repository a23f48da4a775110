"""The refit of a generator on another: what can be recovered is, and what a command makes of it."""

import json
import signal
from dataclasses import replace

import numpy as np
import pytest
from helpers.sketch import SKETCH
from helpers.stages import NETWORKS, STANDING_STILL, nothing_changes, refusal
from helpers.support import SIZE, UNTRAINED, make_checkpoint, random_state, succeed
from PIL import Image

from ganc.base.errors import InterruptedRun, SpecError
from ganc.base.rng import keyed_generator
from ganc.data import UnpairedSet, read_images
from ganc.files.checkpoint import read_checkpoint, write_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.families import FAMILIES
from ganc.models.generator import Generator
from ganc.models.spec import GeneratorSpec
from ganc.system.runtime import paddle
from ganc.training.refit import l1_distance, refit, require_refittable
from ganc.training.settings import DataSettings, DistillationSettings, RefitSettings, RunSettings, Schedule
from ganc.training.start import RefitStart, Refitted
from ganc_distill.settings import StudentStart
from ganc_distill.stage import distill_job


def batches(count=6, size=SIZE):
    images = keyed_generator(0, "refit").uniform(-1, 1, (count, 2, 3, size, size)).astype(np.float32)
    # Neighbours that differ less: noise alone leaves no detail behind two layers of stride 2.
    return [(one + np.roll(one, 1, 2) + np.roll(one, 1, 3)) / 2 for one in images.clip(-0.6, 0.6)]


def doubled(state: NetworkState) -> NetworkState:
    """A generator of twice the width that does the same: each channel is there twice, and each copy is read in part."""
    spec: GeneratorSpec = state.spec
    wide = GeneratorSpec(**{**spec_values(spec), "widths": tuple(2 * width for width in spec.widths)})
    tensors = {}
    for narrow, plan in zip(spec.convolutions(), wide.convolutions(), strict=True):
        weight, bias = (state.tensors[f"{plan.name}.{kind}"] for kind in ("weight", "bias"))
        reads, writes = (0, 1) if plan.transposed else (1, 0)
        if plan.in_channels != narrow.in_channels and not plan.depthwise:
            share = keyed_generator(0, plan.name).uniform(0.2, 0.8, weight.shape)
            weight = np.concatenate([share * weight, (1 - share) * weight], axis=reads)
        if plan.out_channels != narrow.out_channels:
            weight, bias = np.concatenate([weight, weight], axis=writes), np.concatenate([bias, bias])
        tensors[f"{plan.name}.weight"], tensors[f"{plan.name}.bias"] = weight.astype(np.float32), bias
    return NetworkState(wide, tensors)


def random_start(state: NetworkState) -> NetworkState:
    """Other weights in all but the depthwise convolutions, which a refit leaves as they are."""
    kept = [plan.name for plan in state.spec.convolutions() if plan.depthwise]
    fixed = {name: tensor for name, tensor in state.tensors.items() if name.rpartition(".")[0] in kept}
    return NetworkState(state.spec, {**random_state(state.spec, seed=1).tensors, **fixed})


def spec_values(spec: GeneratorSpec) -> dict:
    names = ("widths", "block", "n_blocks", "in_channels", "out_channels", "family")
    return {name: getattr(spec, name) for name in names}


def refitted(teacher, student, kept, images) -> tuple[float, float]:
    before = l1_distance(teacher, student, images)
    steps = list(refit(teacher, student, kept, images))
    assert [done for done, _ in steps] == list(range(1, steps[-1][1] + 1))
    return before, l1_distance(teacher, student, images)


@pytest.mark.paddle26
@pytest.mark.parametrize("block", ["mobile", "resnet"])
def test_what_half_of_doubled_channels_can_do_is_recovered_from_any_weights(block):
    spec = GeneratorSpec(widths=(3, 2, 2, 1, 2, 1, 2, 4), block=block, n_blocks=3)
    teacher = Generator.from_state(doubled(random_state(spec)))
    kept = {plan.name: np.arange(plan.out_channels) for plan in spec.convolutions()}
    student = Generator.from_state(random_start(random_state(spec)))
    before, after = refitted(teacher, student, kept, batches())
    assert before > 0.1
    assert after < 1e-4


def test_channels_in_another_order_and_channels_that_are_0_are_no_matter():
    spec = GeneratorSpec(widths=(4,) * 8, n_blocks=3)
    tensors = dict(random_state(spec).tensors)
    name = "stages.1.conv"
    tensors[f"{name}.weight"][2:] = 0  # 2 of 8 channels are used
    tensors["stages.2.conv.weight"][:, 2:] = 0
    teacher = Generator.from_state(NetworkState(spec, tensors))
    narrow = spec.narrowed((4, 1, 4, 4, 4, 4, 4, 4))
    kept = {plan.name: np.arange(plan.out_channels) for plan in narrow.convolutions()} | {name: np.array([1, 0])}
    before, after = refitted(
        teacher, Generator.from_state(random_start(teacher.state().leading(narrow))), kept, batches()
    )
    assert before > 0.1
    assert after < 1e-4


def test_a_mobile_generator_comes_near_an_original():
    original = random_state(GeneratorSpec(widths=(4,) * 8, block="resnet", n_blocks=3))
    mobile = GeneratorSpec(widths=(4,) * 8, n_blocks=3)
    start = random_state(mobile, seed=1)
    shared = {name: original.tensors.get(name, tensor) for name, tensor in start.tensors.items()}
    teacher, student = (Generator.from_state(one) for one in (original, NetworkState(mobile, shared)))
    before, after = refitted(teacher, student, {}, batches())
    assert after < 0.7 * before


def test_kernels_of_rank_one_are_replaced_without_loss():
    """An original whose 3x3 kernels of one input channel are multiples of each other, but for the norm in between."""
    mobile = random_state(GeneratorSpec(widths=(4,) * 8, n_blocks=3))
    original = GeneratorSpec(widths=(4,) * 8, block="resnet", n_blocks=3)
    tensors = {}
    for plan in original.convolutions():
        half = plan.name.removesuffix(".conv")
        if f"{half}.pointwise.weight" not in mobile.tensors:
            tensors |= {f"{plan.name}.{kind}": mobile.tensors[f"{plan.name}.{kind}"] for kind in ("weight", "bias")}
            continue
        depthwise, pointwise = (mobile.tensors[f"{half}.{kind}.weight"] for kind in ("depthwise", "pointwise"))
        tensors[f"{plan.name}.weight"] = pointwise * depthwise[:, 0][None]
        tensors[f"{plan.name}.bias"] = mobile.tensors[f"{half}.pointwise.bias"]
    teacher = Generator.from_state(NetworkState(original, tensors))
    student = Generator.from_state(random_state(mobile.spec, seed=1))
    one_image = batches(1)[:1]
    one_image = [one_image[0][:1]]  # of one image the norm between the two is a scale, which the second takes over
    before, after = refitted(teacher, student, {}, one_image * 2)
    assert before > 0.1
    assert after < 2e-3


def test_a_second_family_is_refitted(monkeypatch):
    monkeypatch.setitem(FAMILIES, SKETCH.name, SKETCH)
    spec = GeneratorSpec(family="sketch", widths=(3, 2, 2, 4))
    state = random_state(spec)
    student = Generator.from_state(random_start(state))
    before, after = refitted(Generator.from_state(state), student, {}, batches())
    assert before > 0.1
    assert after < 1e-4


def test_generators_that_do_not_belong_together_are_refused_by_name():
    wide, narrow = (GeneratorSpec(widths=(width,) * 8, n_blocks=3) for width in (8, 4))
    with pytest.raises(SpecError, match=r"stages\.0\.conv"):
        require_refittable(wide, narrow, {})
    with pytest.raises(SpecError, match="--refit"):
        require_refittable(GeneratorSpec(widths=(4,) * 8, n_blocks=6), narrow, {})


@pytest.fixture(scope="module")
def wide_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("refit") / "teacher"
    write_checkpoint(path, make_checkpoint("replace", 8, seed=3))
    return path


def test_a_refit_on_many_times_the_images_is_warned_of_where_it_was_asked_for(tiny_data, wide_file, tmp_path):
    arguments = ("ganc-distill", "--teacher", wide_file, "--data", tiny_data, "--width", "4", *STANDING_STILL)

    def warnings(*options):
        said = succeed(*arguments, *options, "--dry-run", "-o", tmp_path / "out").stderr
        return [line for line in said.splitlines() if line.startswith("warning: ") and "refit" in line]

    (said,) = warnings("--refit", "99999")
    assert "--refit 99999: there are 6 training images, each of which it reads about 16,666 times" in said
    assert said.endswith("choose at most 60")
    assert warnings("--refit", "60") == []
    assert warnings("--recipe", "imitate", "--loss", "ssim=1") == []  # whose own are 96


def test_the_command_refits_says_so_and_records_it(tiny_data, wide_file, tmp_path):
    arguments = ("ganc-distill", "--teacher", wide_file, "--data", tiny_data, "--width", "4", *STANDING_STILL)
    said = succeed(*arguments, "--refit", "6", "-o", tmp_path / "out").stderr
    recorded = read_checkpoint(tmp_path / "out").training["refit"]
    assert recorded["images"] == 6
    before, after = recorded["l1"]["generator"]
    assert after < 0.8 * before
    assert f"on 6 images; L1 to what it was made of, on 6 of these, {before:.4f} before, {after:.4f} after" in said
    assert recorded["others"] == {"generator": 0}  # the set has no more
    assert json.loads((tmp_path / "out.run" / "settings.json").read_text())["refit"] == 6
    succeed(*arguments, "--refit", "6", "-o", tmp_path / "again")
    assert read_checkpoint(tmp_path / "again").digest == read_checkpoint(tmp_path / "out").digest
    assert "refit" in refusal(*arguments, "--refit", "7", "-o", tmp_path / "out")
    assert "'--refit': -1" in refusal(*arguments, "--refit", "-1", "-o", tmp_path / "out", status=2)
    succeed(*arguments, "-o", tmp_path / "plain")
    assert "refit" not in read_checkpoint(tmp_path / "plain").training


@pytest.fixture(scope="module")
def start_of(tmp_path_factory):
    """Return a function that gives what refits on so many of so many images, the images, and both networks.

    No image is cropped or mirrored, so that all samples of one are equal.
    """
    folder = tmp_path_factory.mktemp("images")
    for number, noise in enumerate(keyed_generator(0, "images").integers(256, size=(80, SIZE, SIZE, 3), dtype="uint8")):
        (folder / f"train{'AB'[number % 2]}").mkdir(exist_ok=True)
        Image.fromarray(noise).save(folder / f"train{'AB'[number % 2]}" / f"{number}.png")
    spec = GeneratorSpec(widths=(4,) * 8, n_blocks=3)

    def make(sources, count, targets=1, domain=0):
        lists = [read_images(folder, f"train{letter}") for letter in "AB"]
        lists = [replace(one, names=one.names[:most]) for one, most in zip(lists, (sources, targets), strict=True)]
        samples = UnpairedSet(*lists, load_size=(SIZE, SIZE), crop_size=(SIZE, SIZE), seed=3, flip=False, cache_bytes=0)
        teacher, student = (Generator.from_state(random_state(spec, seed)) for seed in (0, 1))
        networks = {"generator": Refitted(teacher=teacher, student=student, domain=domain)}
        return RefitStart(networks, samples, count), samples, (teacher, student)

    return make


def distance_on(samples, domain, networks, numbers):
    """Return the mean absolute difference of what both networks make of samples, one by one."""
    images = [samples.sample(*divmod(number, len(samples)))[domain][None] for number in numbers]
    teacher, student = ([np.float64(one(paddle.to_tensor(image)).numpy()) for image in images] for one in networks)
    return np.mean([np.abs(one - other).mean() for one, other in zip(teacher, student, strict=True)])


@pytest.mark.parametrize(
    ("sources", "compared", "said"),
    [
        (40, range(5, 37), "on 5 images; L1 to what it was made of, on 32 others, "),
        (37, range(5, 37), "on 5 images; L1 to what it was made of, on 32 others, "),
        (7, (5, 6), "on 5 images; L1 to what it was made of, on 2 others, "),
        (5, range(5), "on 5 images; L1 to what it was made of, on 5 of these, "),
        (3, range(5), "on 5 images, 3 of them different; L1 to what it was made of, on 5 of these, "),
    ],
)
def test_the_others_are_images_that_were_not_fitted(start_of, sources, compared, said):
    start, samples, networks = start_of(sources, 5)
    before = distance_on(samples, 0, networks, compared)
    *_, note = start.run()
    after = distance_on(samples, 0, networks, compared)
    assert start.state()["generator"] == pytest.approx([before, after], rel=1e-4)
    assert said in note.text
    others = len(compared) if compared != range(5) else 0
    few = {} if others == 32 else {"others": {"generator": others}}
    assert start.facts["refit"] == {"images": 5, "l1": start.state(), **few}


def test_of_targets_that_are_drawn_at_random_none_that_was_fitted_is_among_the_others(start_of):
    start, samples, networks = start_of(12, 6, targets=8, domain=1)
    drawn = [samples.sample(0, index)[1] for index in range(12)]
    drawn += [samples.sample(1, index)[1] for index in range(6)]

    def among(image, images):
        return any((image == one).all() for one in images)

    others = [number for number in range(6, 18) if not among(drawn[number], drawn[:number])]
    assert others
    assert others != list(range(6, 6 + len(others)))
    before = distance_on(samples, 1, networks, others)
    *_, note = start.run()
    assert f"on {len(others)} others, " in note.text
    assert start.state()["generator"][0] == pytest.approx(before, rel=1e-4)


@pytest.fixture
def make_job(tiny_data, wide_file):
    def make(output):
        data = DataSettings(folder=tiny_data, load_size=(36, 36), crop_size=(SIZE, SIZE), workers=0)
        run = RunSettings(output=output, device="cpu", eval_every=0, feature_set=UNTRAINED)
        schedule = Schedule(epochs=1, decay_epochs=1, batch_size=2, learning_rate=1e-3)
        settings = DistillationSettings(discriminator_width=4)
        start = StudentStart(teacher_file=wide_file, width=4)
        return distill_job(start, settings, schedule, data, run, RefitSettings(images=4))

    return make


@pytest.mark.paddle26
def test_a_refit_that_is_stopped_leaves_nothing_and_is_done_again(make_job, tmp_path):
    for _ in make_job(tmp_path / "plain"):
        pass

    def stopped():
        for progress in make_job(tmp_path / "out"):
            assert progress.step == 0
            signal.raise_signal(signal.SIGTERM)

    with nothing_changes(tmp_path), pytest.raises(InterruptedRun, match="before the first step"):
        stopped()
    assert any([progress.note for progress in make_job(tmp_path / "out")])
    assert (tmp_path / "out").read_bytes() == (tmp_path / "plain").read_bytes()


def test_a_resumed_run_does_not_refit_again(make_job, tmp_path, monkeypatch):
    for _ in make_job(tmp_path / "plain"):
        pass
    monkeypatch.setattr("ganc.training.job.SAVE_SECONDS", -1.0)
    for progress in make_job(tmp_path / "out"):
        if progress.step == 2:
            break
    later = list(make_job(tmp_path / "out"))
    assert later[0].step == 3
    assert not any(progress.note for progress in later)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "plain").read_bytes()


@pytest.mark.parametrize("both", [True, False], ids=["both directions", "one direction"])
def test_a_mobile_cyclegan_is_refitted_on_an_original(tiny_data, tmp_path, both):
    original = make_checkpoint("replace" if both else "distill", 8, seed=5, block="resnet")
    write_checkpoint(tmp_path / "original", original)
    arguments = ("ganc-replace", "--data", tiny_data, "--init-from", tmp_path / "original", *NETWORKS, *STANDING_STILL)
    said = succeed(*arguments, "--refit", "6", "-o", tmp_path / "out").stderr
    made = read_checkpoint(tmp_path / "out")
    names = ["generator", "generator_b"] if both else ["generator"]
    assert sorted(made.training["refit"]["l1"]) == names
    for name, (before, after) in made.training["refit"]["l1"].items():
        assert after < before
        assert f"{name}: refitted on 6 images" in said
    assert "generator_b" in made.networks


def test_a_refit_needs_an_original(tiny_data, tmp_path):
    with nothing_changes(tmp_path):
        said = refusal("ganc-replace", "--data", tiny_data, *NETWORKS, "--refit", "6", "-o", tmp_path / "out", status=2)
    assert "--init-from" in said
