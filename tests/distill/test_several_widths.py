"""ganc-distill with several widths: sub-networks of the student that train with it."""

import json

import numpy as np
import pytest
from helpers.stages import TRAINING, nothing_changes, refusal
from helpers.support import assert_equal_states, succeed

from ganc.files.checkpoint import read_checkpoint

WIDE, NARROW = "_".join("6" * 8), "4_4_4_2_4_4_4_4"
SEVERAL = ("--widths", WIDE, "--widths", NARROW)


@pytest.fixture(scope="module")
def several(tiny_data, teacher_file, tmp_path_factory):
    """A student of two widths beside a teacher that trains."""
    output = tmp_path_factory.mktemp("several") / "out"
    run = ("ganc-distill", "--online", "--teacher", teacher_file, "--data", tiny_data, *TRAINING)
    succeed(*run, *SEVERAL, "-o", output)
    return output


def test_every_width_trains_and_is_measured(several, tiny_data, teacher_file, tmp_path):
    student = read_checkpoint(several)
    assert student.training["widths"] == [WIDE, NARROW]
    assert set(student.training["metric"]["values"]) == {"student", NARROW, "teacher"}
    run = ("ganc-distill", "--online", "--teacher", teacher_file, "--data", tiny_data, *TRAINING)
    succeed(*run, "--widths", WIDE, "-o", tmp_path / "one")
    alone = read_checkpoint(tmp_path / "one")
    assert "widths" not in alone.training
    assert alone.generator.spec == student.generator.spec
    assert alone.digest != student.digest
    teachers = [read_checkpoint(path.with_name(f"{path.name}.teacher")) for path in (several, tmp_path / "one")]
    assert teachers[0].digest == teachers[1].digest
    settings = json.loads((several.parent / "out.run" / "settings.json").read_text())
    assert settings["widths"] == [WIDE, NARROW]


def test_a_narrower_one_is_exported_and_fine_tuned_by_its_widths(several, tiny_data, teacher_file, tmp_path):
    source = ("--supernet", several, "--config", NARROW)
    succeed("ganc-export", *source, "-o", tmp_path / "export")
    whole = read_checkpoint(several).generator
    exported = read_checkpoint(tmp_path / "export/generator.safetensors").generator
    assert_equal_states(exported, whole.leading(whole.spec.narrowed(exported.spec.widths)))
    assert np.prod(exported.spec.widths) == 4**7 * 2
    common = ("--teacher", teacher_file, "--data", tiny_data, *TRAINING, "-o", tmp_path / "finetune")
    succeed("ganc-finetune", *source, *common)
    assert read_checkpoint(tmp_path / "finetune").generator.spec == exported.spec
    with nothing_changes(tmp_path):
        said = refusal("ganc-export", "--supernet", several, "--config", "4", "-o", tmp_path / "other")
    assert NARROW in said


@pytest.mark.parametrize(
    ("widths", "named"), [((NARROW, WIDE), "the widest first"), ((WIDE, NARROW, NARROW), "given twice")]
)
def test_widths_that_are_no_sub_networks_are_refused(tiny_data, teacher_file, tmp_path, widths, named):
    given = [text for one in widths for text in ("--widths", one)]
    with nothing_changes(tmp_path):
        said = refusal("ganc-distill", "--teacher", teacher_file, "--data", tiny_data, *given, "-o", tmp_path / "out")
    assert named in said
