"""`ganc import` of generators whose images are not RGB."""

import pickle

import numpy as np
import pytest
from helpers.foreign_networks import generator_chain, tensors
from helpers.stages import nothing_changes, refusal
from helpers.support import succeed
from PIL import Image


@pytest.fixture
def foreign(tmp_path):
    """Makes the file of a generator of so many channels in and out."""

    def write(ins, outs):
        path = tmp_path / f"{ins}-{outs}.pdparams"
        path.write_bytes(pickle.dumps(tensors(generator_chain((2,) * 8, "resnet", 3, False, ins, outs)), protocol=2))
        return path

    return write


@pytest.mark.parametrize(("ins", "outs"), [(1, 1), (1, 3), (3, 1), (4, 4)])
def test_grey_and_opacity_are_imported_and_translate(foreign, tmp_path, ins, outs):
    succeed("ganc", "import", foreign(ins, outs), "-o", tmp_path / "m.safetensors", "--size", 32)
    Image.fromarray(np.full((32, 40), 90, np.uint8)).save(tmp_path / "a.png")
    succeed("ganc", "translate", tmp_path / "m.safetensors", tmp_path / "a.png", "-o", tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as made:
        assert (len(made.getbands()), made.size) == (outs, (40, 32))


@pytest.mark.parametrize(("ins", "outs"), [(2, 3), (3, 5), (7, 7)])
def test_what_no_image_has_is_refused(foreign, tmp_path, ins, outs):
    source = foreign(ins, outs)
    with nothing_changes(tmp_path):
        said = refusal("ganc", "import", source, "-o", tmp_path / "m.safetensors", "--size", 32)
    assert f"{ins} channels in and {outs} out" in said
