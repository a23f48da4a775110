"""Where results go: names that never meet, natural order."""

import pytest

from ganc.base.errors import DataError
from ganc.data.outputs import natural_order, output_names, plan_folder, plan_list


def test_names_without_suffix_where_that_is_clear():
    assert output_names(["a.png", "sub/b.jpg", "noext"]) == ["a", "sub/b", "noext"]
    assert output_names(["a.png", "sub/a.png"]) == ["a", "sub/a"]


@pytest.mark.parametrize(
    "names",
    [
        ["x.png", "x.jpg", "x.png.jpg"],
        ["x", "x.png", "x.png.png"],
        ["a.b", "a.b.png", "a.png"],
        ["A.png", "a.png", "a.PNG", "a.png-2"],
        ["é.png", "e\u0301.png"],
        ["x.png.jpg", "x.png.jpg.png", "x.png", "x.jpg"],
    ],
)
def test_no_two_images_share_a_name(names):
    made = output_names(names)
    assert len({name.casefold() for name in made}) == len(names)


def test_many_names_take_no_time_to_speak_of():
    """Twenty thousand names one of which is compared with all others would be 400 million comparisons."""
    made = output_names([f"{number}.{kind}" for number in range(10_000) for kind in ("png", "jpg")])
    assert len(set(made)) == 20_000


def test_frames_are_in_order(tmp_path):
    names = ["f10.png", "f9.png", "f1.png", "g2/f1.png", "g10/f1.png"]
    assert sorted(names, key=natural_order) == ["f1.png", "f9.png", "f10.png", "g2/f1.png", "g10/f1.png"]
    for name in names[:3]:
        (tmp_path / name).write_bytes(b"")
    plan = plan_folder(tmp_path, tmp_path / "out")
    assert [pair.source.name for pair in plan.pairs] == ["f1.png", "f9.png", "f10.png"]
    listed = plan_list([str(tmp_path / name) for name in names[:3]], tmp_path / "out")
    assert [pair.source.name for pair in listed.pairs] == names[:3]


def test_a_folder_without_images_says_what_is_in_it(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match=r"notes\.txt.*--recursive"):
        plan_folder(tmp_path, tmp_path / "out")
