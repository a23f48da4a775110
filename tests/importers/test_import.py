"""`ganc import`: networks of other programs come out as they went in, and what does not fit is named."""

import hashlib
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers.foreign_networks import (
    discriminator_chain,
    generator_chain,
    paddle_network,
    tensors,
    torch_network,
)
from helpers.support import SIZE, TINY_SPACE, TINY_TRAINING, UNTRAINED_SET, fail, files_under, run_command, succeed

from ganc.base.direction import Direction
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.rng import keyed_generator
from ganc.data import load_rgb
from ganc.files.checkpoint import read_checkpoint
from ganc.importers import import_checkpoint
from ganc.models.convolutions import NetworkState
from ganc.models.discriminator import Discriminator
from ganc.models.generator import Generator
from ganc.models.spec import DiscriminatorSpec, GeneratorSpec, parse_widths
from ganc.models.task import CYCLEGAN, DiscriminatorInput, Pairing
from ganc.system.runtime import paddle

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "gan-compression-horse2zebra"
MIXED = (2, 3, 4, 5, 1, 3, 2, 6)
SMALL = generator_chain((2,) * 8, "resnet", 3, False)
JUDGE = discriminator_chain(2, 3)


def saved(path: Path, held, protocol: int = 2) -> Path:
    """Write what Python's own pickle makes of a dict of arrays, as PaddleGAN does."""
    path.write_bytes(pickle.dumps(held, protocol=protocol))
    return path


def refusal(folder: Path, held: dict, **options) -> str:
    """Return why a file of these tensors is refused as a generator."""
    path = saved(folder / "refused.pdparams", held)
    with pytest.raises(FileFormatError) as refused:
        import_checkpoint({"generator": path}, **options)
    return str(refused.value).removeprefix(f"{path}: ")


def outputs(state: NetworkState, x: np.ndarray) -> np.ndarray:
    kind = Generator if isinstance(state.spec, GeneratorSpec) else Discriminator
    network = kind.from_state(state)
    network.eval()
    with paddle.no_grad():
        return network(paddle.to_tensor(x)).numpy()


def image(channels: int = 3) -> np.ndarray:
    return keyed_generator(0, "test/picture").uniform(-1, 1, (1, channels, SIZE, SIZE + 8)).astype(np.float32)


@pytest.mark.parametrize("n_blocks", [9, 6, 3])
@pytest.mark.parametrize(
    ("block", "numbered", "dropout"),
    [("resnet", False, 0), ("resnet", True, 0.5), ("mobile", True, 0), ("mobile", False, 0)],
)
@pytest.mark.parametrize("prefix", ["", "module.", "module.module."])
def test_everything_is_read_off_the_tensors(tmp_path, block, n_blocks, numbered, dropout, prefix):
    theirs = tensors(generator_chain(MIXED, block, n_blocks, numbered, 1, 4))
    path = saved(tmp_path / "g.pth", {prefix + name: array for name, array in theirs.items()})
    checkpoint = import_checkpoint({"generator": path})
    spec = checkpoint.generator.spec
    assert spec == GeneratorSpec(
        widths=MIXED, block=block, n_blocks=n_blocks, in_channels=1, out_channels=4, dropout=dropout
    )
    ours = list(checkpoint.generator.tensors.values())
    assert len(ours) == len(theirs)
    for mine, foreign in zip(ours, theirs.values(), strict=True):  # both in the order of the chain
        np.testing.assert_array_equal(mine, foreign)
    assert (checkpoint.stage, checkpoint.direction, checkpoint.task) == ("import", "AtoB", CYCLEGAN)
    assert checkpoint.training == {"image_size": [256, 256]}
    assert checkpoint.sources == {"generator": hashlib.sha256(path.read_bytes()).hexdigest()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "chain",
    [
        generator_chain((3,) * 8, "resnet", 9, False),
        generator_chain((2,) * 8, "resnet", 6, True),
        generator_chain(MIXED, "mobile", 9, True),
        generator_chain((2, 3, 2, 4, 4, 4, 2, 1), "mobile", 9, True),  # of six numbers
    ],
)
def test_a_generator_makes_what_pytorch_makes(tmp_path, chain, zipped):
    torch = pytest.importorskip("torch", reason="PyTorch makes the networks of this test")
    torch.manual_seed(0)
    network = torch_network(chain).eval()
    torch.save(network.state_dict(), tmp_path / "g.pth", _use_new_zipfile_serialization=zipped)
    state = import_checkpoint({"generator": tmp_path / "g.pth"}).generator
    with torch.no_grad():
        expected = network(torch.from_numpy(image())).numpy()
    np.testing.assert_allclose(outputs(state, image()), expected, atol=1e-5)


@pytest.mark.parametrize("n_layers", [1, 3, 4])
def test_a_discriminator_says_what_it_says_in_pytorch(tmp_path, n_layers):
    torch = pytest.importorskip("torch", reason="PyTorch makes the networks of this test")
    network = torch_network(discriminator_chain(4, n_layers)).eval()
    torch.save(network.state_dict(), tmp_path / "d.pth")
    generator = saved(tmp_path / "g.pth", tensors(SMALL))
    state = import_checkpoint({"generator": generator, "discriminator": tmp_path / "d.pth"}).networks["discriminator"]
    assert state.spec == DiscriminatorSpec(width=4, n_layers=n_layers)
    x = np.tile(image(), (1, 1, 2, 2))
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(outputs(state, x), expected, atol=1e-5)


@pytest.mark.paddle26
def test_paddlegan_s_networks_come_with_each_other(tmp_path):
    chains = {name: generator_chain((2,) * 8, "resnet", 6, False) for name in ("netG_A", "netG_B")}
    chains |= {name: discriminator_chain(2, 3) for name in ("netD_A", "netD_B")}
    layers = {name: paddle_network(chain) for name, chain in chains.items()}
    held = {name: {key: value.numpy() for key, value in layer.state_dict().items()} for name, layer in layers.items()}
    optimizer = {"moment": np.zeros(3, np.float32), "LR_Scheduler": {"last_lr": 2e-4}}
    path = saved(tmp_path / "epoch_200_checkpoint.pdparams", {**held, "epoch": 200, "optimG": optimizer})
    checkpoint = import_checkpoint({"generator": path}, direction=Direction.B_TO_A)
    roles = {"generator": "netG_A", "generator_b": "netG_B", "discriminator": "netD_A", "discriminator_b": "netD_B"}
    assert set(checkpoint.networks) == set(roles)
    x = np.tile(image(), (1, 1, 2, 2))
    for role, name in roles.items():
        layers[name].eval()
        with paddle.no_grad():
            expected = layers[name](paddle.to_tensor(x)).numpy()
        np.testing.assert_allclose(outputs(checkpoint.networks[role], x), expected, atol=1e-5, err_msg=name)
    assert checkpoint.direction == "BtoA"
    turned = checkpoint.facing("AtoB", path)
    assert turned.generator is checkpoint.networks["generator_b"]


def test_a_pipe_is_read_like_a_file(tmp_path):
    path = saved(tmp_path / "g.pdparams", tensors(SMALL))
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', path, tmp_path / "pipe"]):
        piped = import_checkpoint({"generator": tmp_path / "pipe"})
    assert piped.digest == import_checkpoint({"generator": path}).digest
    assert piped.sources == import_checkpoint({"generator": path}).sources


def test_networks_of_several_files(tmp_path):
    held = {
        "generator": tensors(SMALL, 1),
        "generator_b": tensors(SMALL, 2),
        "discriminator": {"state_dict": tensors(JUDGE, 3)},
        "discriminator_b": {"netG_A": tensors(SMALL, 5), "netD_B": tensors(JUDGE, 4)},
    }
    checkpoint = import_checkpoint({role: saved(tmp_path / role, one) for role, one in held.items()})
    assert set(checkpoint.networks) == set(held)
    for seed, role in enumerate(held, 1):
        expected = tensors(SMALL if role.startswith("generator") else JUDGE, seed)
        for mine, theirs in zip(checkpoint.networks[role].tensors.values(), expected.values(), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_paired_discriminator_makes_a_paired_task(tmp_path):
    path = saved(tmp_path / "x", {"netG": tensors(SMALL), "netD": tensors(discriminator_chain(2, 3, 6))})
    task = import_checkpoint({"generator": path}).task
    assert (task.pairing, task.discriminator_input) == (Pairing.PAIRED, DiscriminatorInput.SOURCE_AND_IMAGE)
    path = saved(tmp_path / "x", {"netG": tensors(SMALL), "netD": tensors(discriminator_chain(2, 3, 4))})
    with pytest.raises(SpecError, match=r"4 channels.*3"):
        import_checkpoint({"generator": path})


def test_dropout_is_said_where_the_blocks_number_one(tmp_path):
    with_dropout = saved(tmp_path / "6", tensors(generator_chain((2,) * 8, "mobile", 3, True)))
    without = saved(tmp_path / "5", tensors(SMALL))
    assert import_checkpoint({"generator": with_dropout}, dropout=0.2).generator.spec.dropout == 0.2
    assert import_checkpoint({"generator": without}, dropout=0.2).generator.spec.dropout == 0


def test_a_supernet_is_one_when_its_space_is_said(tmp_path):
    path = saved(tmp_path / "x", tensors(generator_chain((8,) * 8, "mobile", 3, True)))
    out = tmp_path / "supernet.safetensors"
    succeed("ganc", "import", path, "-o", out, "--space", TINY_SPACE, "--size", SIZE)
    checkpoint = read_checkpoint(out)
    assert (checkpoint.stage, checkpoint.training["space"]) == ("supernet", TINY_SPACE)
    assert "reaches" in fail("ganc", "import", path, "-o", tmp_path / "no", "--space", "channels-32")
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("model.1.weight", (2, 3, 7), "model.1.weight with shape [2, 3, 7]"),
        ("model.1.weight", (2, 3, 5, 5), "model.1.weight with shape [2, 3, 5, 5], expected [2, 3, 7, 7]"),
        ("model.1.bias", (3,), "model.1.bias with shape [3], expected [2]"),
        ("model.4.weight", (5, 2, 3, 3), "model.4.weight with shape [5, 2, 3, 3]"),
        ("model.7.weight", (8, 6, 3, 3), "model.7.weight with shape [8, 6, 3, 3], expected [8, 4, 3, 3]"),
        ("model.10.conv_block.1.conv.0.weight", (7, 1, 3, 3), "model.10.conv_block.1.conv.0.weight with shape [7,"),
        ("model.10.conv_block.1.conv.2.weight", (7, 8, 1, 1), "model.10.conv_block.1.conv.2.weight with shape [7, 8"),
        ("model.10.conv_block.1.conv.2.weight", (12, 8, 1, 1), "model.10.conv_block.1.conv.2.bias with shape [8]"),
        ("model.12.conv_block.6.conv.2.bias", (), "model.12.conv_block.6.conv.2.bias with shape [], expected [8]"),
        ("model.13.weight", (8, 5, 3, 3), "model.13.weight with shape [8, 5, 3, 3]"),
        ("model.20.weight", (3, 2, 7), "model.20.weight with shape [3, 2, 7]"),
    ],
)
def test_a_wrong_shape_is_named(tmp_path, name, shape, words):
    held = tensors(generator_chain((2,) * 8, "mobile", 3, True))
    assert words in refusal(tmp_path, held | {name: np.zeros(shape, np.float32)})


def test_what_is_missing_or_superfluous_is_named(tmp_path):
    held = tensors(generator_chain((2,) * 8, "mobile", 3, True))
    for name in held:
        assert f"lacks {name}," in refusal(tmp_path, {key: held[key] for key in held if key != name}) or (
            name in ("model.1.weight", "model.10.conv_block.1.conv.0.weight")
        )
    assert "expected model.1.weight" in refusal(tmp_path, {key: held[key] for key in held if key != "model.1.weight"})
    extra = {"model.99.weight": np.zeros((1, 2), np.float32)}
    assert "model.99.weight" in refusal(tmp_path, held | extra)
    five = tensors(generator_chain((2,) * 8, "resnet", 5, False, inner=[8] * 5))
    assert "5 residual blocks" in refusal(tmp_path, five)
    assert "expected model.1.weight" in refusal(tmp_path, {"conv1.weight": np.zeros(1, np.float32)})
    levels = {f"model.model.{place}": np.zeros((1, 1, 4, 4), np.float32) for place in ("0.weight", "1.model.1.weight")}
    assert "U-Net" in refusal(tmp_path, levels)
    assert "discriminator" in refusal(tmp_path, tensors(JUDGE))
    assert "'a', 'b'; choose one with --key" in refusal(tmp_path, {"a": tensors(SMALL), "b": tensors(SMALL)})


def test_norms_that_ganc_has_not_are_refused_by_name(tmp_path):
    for chain in (SMALL, generator_chain((2,) * 8, "mobile", 3, True)):
        assert "batch norm (model.2.running_mean" in refusal(tmp_path, tensors(chain, norm="batch"))
        paddles = {key.replace("running_mean", "_mean"): value for key, value in tensors(chain, norm="batch").items()}
        assert "batch norm (model.2._mean" in refusal(tmp_path, paddles)
        plain = import_checkpoint({"generator": saved(tmp_path / "plain", tensors(chain))}).generator
        for norm in ("affine", "tracking"):
            kept = import_checkpoint({"generator": saved(tmp_path / norm, tensors(chain, norm=norm))}).generator
            for name, tensor in plain.tensors.items():
                np.testing.assert_array_equal(kept.tensors[name], tensor)
        for kind, value in (("scale", 1), ("bias", 0)):
            held = tensors(chain, norm="affine")
            for key in [key for key in held if f"{key.rpartition('.')[0]}.scale" in held and key.endswith(kind)]:
                learned = held[key].copy()
                learned[-1] += 1e-3
                assert f"{key} is not {value}" in refusal(tmp_path, held | {key: learned})


def test_the_legacy_generator_of_gan_compression_is_refused_by_name(tmp_path):
    inner = [12, 8, 8, 16, 8, 8, 4, 8, 8]  # of the widths 3, 4, 1 of the segments, the stream's being 2
    held = tensors(generator_chain((2,) * 8, "mobile", 9, True, inner=inner))
    message = refusal(tmp_path, held)
    assert "LegacySubMobileResnetGenerator" in message
    assert "model.11.conv_block.1.conv.2.weight" in message
    other = tensors(generator_chain((2,) * 8, "mobile", 9, True, inner=[8, 12, *[8] * 7]))
    message = refusal(tmp_path, other)
    assert "model.11.conv_block.1.conv.2.weight with shape [12, 8, 1, 1]" in message


def test_numbers_that_no_generator_has_are_refused(tmp_path):
    held = tensors(SMALL)
    whole = held | {"model.4.weight": held["model.4.weight"].astype(np.int32)}
    assert "model.4.weight holds int32" in refusal(tmp_path, whole)
    for value in (np.nan, np.inf):
        assert "model.4.bias" in refusal(tmp_path, held | {"model.4.bias": np.full(4, value, np.float32)})
    assert "not finite" in refusal(tmp_path, held | {"model.4.bias": np.full(4, 1e300)})
    with pytest.raises(SpecError, match="multiples of 4"):
        import_checkpoint({"generator": saved(tmp_path / "x", held)}, image_size=(250, 256))


def test_the_command_writes_what_the_stages_take(tmp_path, tiny_data):
    generator = saved(tmp_path / "G_A.pth", tensors(generator_chain((4,) * 8, "resnet", 3, False)))
    judge = saved(tmp_path / "D_A.pth", tensors(discriminator_chain(4, 2)))
    out = tmp_path / "new" / "teacher.safetensors"
    said = succeed("ganc", "import", "-o", out, generator, "--discriminator", judge, "--size", SIZE).stdout
    assert "4_4_4_4_4_4_4_4" in said
    assert "generator, discriminator" in said
    again = tmp_path / "again.safetensors"
    succeed("ganc", "import", "network", generator, "--discriminator", judge, "--size", SIZE, "-o", again)
    assert again.read_bytes() == out.read_bytes()
    assert read_checkpoint(out).training["image_size"] == [SIZE, SIZE]
    assert "import" in succeed("ganc", "inspect", out).stdout
    training = ("--data", tiny_data, *TINY_TRAINING, "--max-steps", 1)
    succeed("ganc-distill", "--teacher", out, "--width", 4, *training, "-o", tmp_path / "distill.safetensors")
    for stage, options in (
        ("ganc-replace", ("--init-from", out, "--width", 4, "--n-blocks", 3, "--discriminator-width", 4)),
        ("ganc-supernet", ("--teacher", out, "--space", "/".join(["4,2"] * 8))),
    ):
        succeed(stage, *options, *training, "-o", tmp_path / f"{stage}.safetensors")
    succeed("ganc-export", "--checkpoint", out, "-o", tmp_path / "dist", "--device", "cpu")
    message = fail("ganc-search", "--supernet", out, "--data", tiny_data, *UNTRAINED_SET, "-o", tmp_path / "search.h5")
    assert "--supernet" in message


@pytest.mark.paddle26
def test_it_needs_neither_pytorch_nor_paddle(tmp_path):
    golden = Path(__file__).parents[1] / "golden"
    absent = ("torch", "paddle", "paddlepaddle")
    for name in ("foreign-mobile-zip.pth", "foreign-resnet-legacy.pth", "foreign-paddlegan.pdparams"):
        done = run_command("ganc", "import", golden / name, "-o", tmp_path / name, absent=absent)
        assert (done.returncode, done.stderr) == (0, b"")
    assert set(read_checkpoint(tmp_path / "foreign-paddlegan.pdparams").networks) == {"generator", "discriminator"}
    assert read_checkpoint(tmp_path / "foreign-mobile-zip.pth").generator.spec.widths == (2, 3, 2, 4, 2, 3, 2, 1)


def test_bad_input_is_one_line_and_writes_nothing(tmp_path):
    good = saved(tmp_path / "g.pth", tensors(SMALL))
    truncated = tmp_path / "t.pth"
    truncated.write_bytes(good.read_bytes()[:-100])
    onnx = tmp_path / "m.onnx"
    onnx.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x032.0:\x10")
    before = files_under(tmp_path)
    out = tmp_path / "out.safetensors"
    for file, word in ((truncated, "truncated"), (onnx, "ONNX"), (tmp_path / "absent", "no such file")):
        assert word in fail("ganc", "import", file, "-o", out)
    for file, word in ((good, "ganc import"), (onnx, "ONNX")):
        assert word in fail("ganc-export", "--checkpoint", file, "-o", tmp_path / "dist")
    assert str(good / "x" / "out.safetensors") in fail("ganc", "import", good, "-o", good / "x" / "out.safetensors")
    assert str(good) in fail("ganc", "import", good, "-o", good)
    assert "--nothing" in fail("ganc", "import", "--nothing", status=2)
    assert "'-o'" in fail("ganc", "import", good, status=2)
    assert files_under(tmp_path) == before


def assert_expected_image(made: Path) -> None:
    difference = np.abs(load_rgb(made).astype(int) - load_rgb(REFERENCE / "expected.png"))
    print(f"largest difference {difference.max()}, equal {(difference == 0).mean():.4%}")
    assert difference.max() <= 1
    assert (difference == 0).mean() > 0.99


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """The checkpoint of the real compressed generator."""
    if not REFERENCE.is_dir():
        pytest.skip("needs the generator in ../shared/reference")
    model = tmp_path_factory.mktemp("real") / "model.safetensors"
    succeed("ganc", "import", REFERENCE / "latest_net_G.pth", "-o", model)
    return model


def test_the_real_compressed_generator_makes_the_expected_image(real, tmp_path):
    generator = read_checkpoint(real).generator
    assert generator.spec == GeneratorSpec(widths=parse_widths("16_16_32_16_32_32_16_16"), block="mobile", n_blocks=9)
    assert (len(generator.tensors), sum(array.size for array in generator.tensors.values())) == (84, 356_867)
    succeed("ganc", "translate", real, REFERENCE / "input.png", "-o", tmp_path / "made.png")
    assert_expected_image(tmp_path / "made.png")
