"""Which images a data folder holds: list files in every form, folders, search lists, fingerprints."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganc.base.errors import DataError
from ganc.data import ImageList, has_subset, read_images

NAMES = ("b c.png", "a.png", "馬 ひとつ.png")


@pytest.fixture
def root(tmp_path):
    """A data folder with three different images in trainA and no list."""
    folder = tmp_path / "set"
    (folder / "trainA").mkdir(parents=True)
    for level, name in enumerate(NAMES):
        Image.fromarray(np.full((4, 5, 3), 40 * level, dtype=np.uint8)).save(folder / "trainA" / name)
    return folder


def write_list(root: Path, text: str | bytes, name: str = "trainA.txt") -> None:
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"trainA/{name}\n" for name in NAMES),
        "".join(f"{name}\n" for name in NAMES),
        "\ufeff" + "\r\n".join(NAMES),
        "\n\r\n" + "".join(f"  {name}\t\r\n\n" for name in NAMES),
        "".join(f"./trainA//{name}\n" for name in NAMES),
        "".join(f"trainA\\{name}\r\n" for name in NAMES),
    ],
    ids=["from the root", "bare", "byte order mark, CRLF", "blank lines, outer spaces", "dots", "backslashes"],
)
def test_every_form_of_a_list_gives_the_same_images(root, text):
    plain = ImageList(root, tuple(f"trainA/{name}" for name in NAMES))
    write_list(root, text)
    images = read_images(root, "trainA")
    assert images == plain
    assert images.paths == tuple(root / "trainA" / name for name in NAMES)
    assert len(images) == 3
    assert images.fingerprint == plain.fingerprint


def test_absolute_lines_inside_the_folder_are_taken(root, tmp_path):
    plain = read_images(root, "trainA")
    (tmp_path / "link").symlink_to(root)
    for place in (root, tmp_path / "link"):
        write_list(root, "".join(f"{place.resolve()}/{name}\n" for name in plain.names))
        images = read_images(place, "trainA")
        assert images.names == plain.names
        assert images.fingerprint == plain.fingerprint


def test_macos_companions_are_skipped_in_lists(root):
    write_list(root, "._a.png\na.png\ntrainA/._b c.png\n")
    assert read_images(root, "trainA").names == ("trainA/a.png",)


def test_a_folder_is_read_by_name_without_hidden_and_other_files(root):
    for name in (".hidden.png", "notes.txt", "._a.png"):
        (root / "trainA" / name).write_bytes(b"x")
    (root / "trainA" / "folder.png").mkdir()
    shutil.copy(root / "trainA" / "a.png", root / "trainA" / "Z.JPG")
    names = [path.name for path in read_images(root, "trainA").paths]
    assert names == sorted([*NAMES, "Z.JPG"])


def test_a_list_may_name_an_image_in_another_folder(root):
    write_list(root, "trainA/a.png\n", "searchA.txt")
    assert read_images(root, "searchA").names == ("trainA/a.png",)


def test_names_match_in_another_unicode_normal_form(root):
    shutil.copy(root / "trainA" / "a.png", root / "trainA" / "cafe\u0301.png")
    write_list(root, "caf\u00e9.png\n")
    assert read_images(root, "trainA").paths[0].is_file()


def test_what_the_search_list_names_is_not_trained_on(root):
    write_list(root, "a.png\n", "searchA.txt")
    shutil.move(root / "searchA.txt", root / "keep")
    everything = read_images(root, "trainA").names
    write_list(root, "trainA/a.png\n", "searchA.txt")
    assert set(everything) - set(read_images(root, "trainA").names) == {"trainA/a.png"}
    write_list(root, "".join(f"trainA/{name}\n" for name in NAMES), "searchA.txt")
    with pytest.raises(DataError, match=r"searchA\.txt.*trainA"):
        read_images(root, "trainA")


def test_has_subset(root):
    assert has_subset(root, "trainA")
    assert not has_subset(root, "trainB")
    write_list(root, "trainA/a.png", "trainB.txt")
    assert has_subset(root, "trainB")


def test_lists_join_in_order_below_one_folder_only(root, tmp_path):
    first, second = ImageList(root, ("trainA/a.png",)), ImageList(root, ("trainA/b c.png",))
    assert (first + second).names == ("trainA/a.png", "trainA/b c.png")
    with pytest.raises(DataError, match="one folder"):
        first + ImageList(tmp_path, ("a.png",))


def test_the_fingerprint_follows_content_order_and_names_not_the_place(root, tmp_path):
    images = read_images(root, "trainA")
    moved = ImageList(shutil.copytree(root, tmp_path / "elsewhere"), images.names)
    assert moved.fingerprint == images.fingerprint
    assert len(images.fingerprint) == 64
    assert ImageList(root, images.names[::-1]).fingerprint != images.fingerprint
    (root / "trainA" / "a.png").rename(root / "trainA" / "other.png")
    renamed = tuple(name.replace("a.png", "other.png") for name in images.names)
    assert ImageList(root, renamed).fingerprint != images.fingerprint
    with (moved.root / "trainA" / "a.png").open("ab") as file:
        file.write(b"!")
    assert ImageList(moved.root, moved.names).fingerprint != images.fingerprint


def test_a_missing_file_is_named_by_the_fingerprint(root):
    with pytest.raises(DataError, match=r"gone\.png"):
        _ = ImageList(root, ("trainA/gone.png",)).fingerprint


@pytest.mark.parametrize(
    "line",
    ["../secret.png", "trainA/../../secret.png", "/etc/secret.png", "..\\secret.png", "C:\\secret.png", "\\x.png"],
)
def test_a_list_never_leaves_its_folder(root, line):
    shutil.copy(root / "trainA" / "a.png", root.parent / "secret.png")
    write_list(root, f"a.png\n{line}\n")
    with pytest.raises(DataError, match=r"trainA\.txt, line 2: .*(secret|x)\.png.*outside"):
        read_images(root, "trainA")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", r"trainA\.txt.*empty"),
        ("\r\n \n", r"trainA\.txt.*empty"),
        (b"\xff\xfea\x00", r"trainA\.txt.*UTF-8"),
        ("a.png\n\nnone.png\n", r"trainA\.txt, line 3: .*none\.png"),
        ("none.png\nb\na.png\nc\n", r"line 1: .*none\.png.*2 more"),
        ("x" * 5000, r"trainA\.txt, line 1"),
        ("a\0.png", r"trainA\.txt, line 1"),
    ],
    ids=["empty", "blank", "not UTF-8", "one absent", "several absent", "a very long name", "a null character"],
)
def test_bad_lists_are_refused_in_one_line(root, text, named):
    write_list(root, text)
    with pytest.raises(DataError, match=named) as caught:
        read_images(root, "trainA")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_missing_folders_are_named(root, tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        read_images(tmp_path / "nowhere", "trainA")
    with pytest.raises(DataError, match=r"trainB.*trainB\.txt"):
        read_images(root, "trainB")
    (root / "trainB").mkdir()
    with pytest.raises(DataError, match=r"trainB: .*no images"):
        read_images(root, "trainB")
