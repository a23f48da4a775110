"""`ganc import --task`: what a generator was trained for, which its file does not tell."""

import pytest
from helpers.foreign_networks import discriminator_chain, generator_chain, tensors
from helpers.stages import nothing_changes, refusal
from helpers.support import succeed
from safetensors.numpy import save_file

from ganc.files.checkpoint import read_checkpoint
from ganc.models.task import TaskName

GENERATOR = generator_chain((2,) * 8, "mobile", 3, True)


@pytest.fixture
def files(tmp_path):
    chains = {"g": GENERATOR, "image": discriminator_chain(2, 3), "both": discriminator_chain(2, 3, 6)}
    for name, chain in chains.items():
        save_file(tensors(chain), tmp_path / f"{name}.safetensors")
    return tmp_path


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), TaskName.CYCLEGAN),
        (("--task", "pix2pix"), TaskName.PIX2PIX),
        (("--discriminator", "both.safetensors"), TaskName.PIX2PIX),
        (("--discriminator", "both.safetensors", "--task", "pix2pix"), TaskName.PIX2PIX),
        (("--discriminator", "image.safetensors", "--task", "cyclegan"), TaskName.CYCLEGAN),
    ],
)
def test_the_task_is_what_was_said_or_what_a_discriminator_tells(files, monkeypatch, options, expected):
    monkeypatch.chdir(files)
    succeed("ganc", "import", "g.safetensors", *options, "-o", "made.safetensors")
    assert read_checkpoint(files / "made.safetensors").task.name is expected


@pytest.mark.parametrize(("discriminator", "task"), [("both", "cyclegan"), ("image", "pix2pix")])
def test_a_discriminator_of_the_other_task_is_refused(files, discriminator, task):
    with nothing_changes(files):
        judge = ("--discriminator", files / f"{discriminator}.safetensors", "--task", task)
        said = refusal("ganc", "import", files / "g.safetensors", *judge, "-o", files / "made")
    assert f"--task {task}: the discriminator judges as that of" in said
