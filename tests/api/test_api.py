"""`import ganc`: what a program gets is what the commands do."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from helpers.agreement import nearly
from helpers.images import assert_same_pixels
from helpers.support import SIZE, UNTRAINED, UNTRAINED_SET, fail, succeed
from PIL import Image

import ganc
from ganc.base.rng import keyed_generator
from ganc.files.checkpoint import read_checkpoint

IMAGES = {"rgb": (30, 41, 3), "grey": (33, 29), "small": (3, 5, 3), "opaque": (16, 20, 4)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, teacher_file):
    """Images of several kinds, and the teacher exported. Read it only."""
    folder = tmp_path_factory.mktemp("api")
    for name, shape in IMAGES.items():
        drawn = keyed_generator(0, f"api/{name}").integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(drawn).save(folder / f"{name}.png")
    succeed("ganc-export", "--checkpoint", teacher_file, "--format", "onnx", "-o", folder / "dist")
    return folder


def _array(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_importing_ganc_imports_nothing_else():
    heavy = "{'numpy', 'PIL', 'paddle', 'h5py', 'safetensors', 'click', 'ganc.api'} & set(sys.modules)"
    script = (
        f"import sys, ganc; assert not ({heavy}), {heavy}; ganc.load; print(sorted(ganc.__all__ - dir(ganc).keys()))"
    )
    script = script.replace("sorted(ganc.__all__ - dir(ganc).keys())", "sorted(set(ganc.__all__) - set(dir(ganc)))")
    script += "; assert 'paddle' not in sys.modules and 'h5py' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_a_name_that_ganc_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'ganc' has no attribute 'lode'"):
        ganc.lode  # noqa: B018


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("options", [{}, {"size": 24}, {"size": (20, 36)}, {"tile": 16, "overlap": 4}], ids=str)
def test_a_translation_is_that_of_the_command(folder, tmp_path, name, options):
    model = ganc.load(folder / "dist")
    source = folder / f"{name}.png"
    said = {"size": "x".join(map(str, size)) if isinstance(size := options.get("size"), tuple) else size}
    words = [part for key, value in {**options, **said}.items() if value for part in (f"--{key}", value)]
    succeed("ganc", "translate", folder / "dist", source, "-o", tmp_path / "wanted.png", *words)
    wanted = _array(tmp_path / "wanted.png")
    with Image.open(source) as opened:
        made = model.translate([source, str(source), opened, opened.copy()], **options)
    array = _array(source)
    for one in (*made, model.translate(array, **options), *model.translate((array / 255,), **options)):
        assert_same_pixels(np.asarray(one), wanted)
    assert [type(one) is np.ndarray for one in (made[0], made[2], model.translate(array))] == [False, False, True]


def test_a_rotated_and_a_16_bit_image_are_read_as_the_command_reads_them(folder, tmp_path):
    values = keyed_generator(0, "api/deep").integers(0, 65536, (16, 24), dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(_array(folder / "rgb.png")).save(tmp_path / "rotated.png", exif=exif)
    model = ganc.load(folder / "dist")
    for name, size in (("deep", (24, 16)), ("rotated", (30, 41))):
        succeed("ganc", "translate", folder / "dist", tmp_path / f"{name}.png", "-o", tmp_path / "wanted.png")
        with Image.open(tmp_path / f"{name}.png") as opened:
            made = model.translate(opened)
        assert made.size == size
        assert_same_pixels(np.asarray(made), _array(tmp_path / "wanted.png"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), "an array of shape (2, 8, 8, 3): expected (h, w), (h, w, 1), (h, w, 3), "),
        (np.zeros((8, 8, 2), np.uint8), "an array of shape (8, 8, 2): expected (h, w)"),
        (np.zeros((0, 8, 3), np.uint8), "an array of shape (0, 8, 3): expected (h, w)"),
        (np.zeros((8, 8, 3), np.int64), "an array of int64: expected uint8, or floats from 0 to 1"),
        (np.full((8, 8, 3), -1.0), "an array of floats from -1 to -1: expected values from 0 to 1"),
        (np.full((8, 8, 3), np.nan), "an array of floats from nan to nan: expected values from 0 to 1"),
        (3, "an image (a int): expected a path, an image of Pillow, or an array of numpy"),
        (Image.new("RGB", (0, 4)), "an image of 0x4: has no pixels"),
        ("absent.png", "absent.png: cannot be read (No such file or directory)"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_is_no_image_is_named(folder, wrong, said):
    with pytest.raises(ganc.GancError) as caught:
        ganc.load(folder / "dist").translate([wrong])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, "size (=0): expected pixels"),
        ({"size": 8.5}, "size (=8.5): expected pixels"),
        ({"size": (8, 8, 8)}, "size (=(8, 8, 8)): expected pixels"),
        ({"size": 60_000}, "size (=60000x60000): an image of more than 89 million pixels; choose a smaller size"),
        ({"tile": 18}, "tile (=18) must be a multiple of 4"),
        ({"tile": "8"}, "tile (='8'), overlap (=None): expected pixels"),
        ({"tile": 16, "overlap": 9}, "overlap (=9) must be in 0 … 8"),
        ({"overlap": 3}, "overlap: is that of tiles; give tile too"),
    ],
    ids=str,
)
def test_an_impossible_size_is_named(folder, options, said):
    with pytest.raises(ganc.GancError) as caught:
        ganc.load(folder / "dist").translate(np.zeros((40, 40, 3), np.uint8), **options)
    assert said in str(caught.value)


def test_the_command_too_refuses_a_size_that_no_memory_holds(folder, tmp_path):
    said = fail("ganc", "translate", folder / "dist", folder / "rgb.png", "-o", tmp_path / "x.png", "--size", 60_000)
    assert "an image of more than 89 million pixels; choose a smaller size" in said
    assert list(tmp_path.iterdir()) == []


def test_a_profile_is_what_the_commands_print(folder, teacher_file):
    spec = read_checkpoint(teacher_file).generator.spec
    printed = json.loads(succeed("ganc", "profile", "--widths", 8, "--n-blocks", 3, "--size", "64x32", "--json").stdout)
    for path in (teacher_file, folder / "dist"):
        model = ganc.load(path)
        profile = model.profile((64, 32))
        assert {name: getattr(profile, name) for name in printed} == printed
        assert (model.spec.widths, model.direction, model.image_size) == (spec.widths, "AtoB", (SIZE, SIZE))
        assert (profile.size, model.profile().size, model.profile(8).size) == ((64, 32), (SIZE, SIZE), (8, 8))
    assert ganc.load(teacher_file).profile().bytes == teacher_file.stat().st_size
    with pytest.raises(ganc.GancError, match="must be multiples of 4"):
        model.profile(31)


def test_all_kinds_of_files_are_opened(folder, teacher_file, supernet_file):
    array = _array(folder / "rgb.png")
    wanted = ganc.load(teacher_file).translate(array)
    other_way = ganc.load(teacher_file, direction="BtoA")
    assert other_way.direction == "BtoA"
    assert (other_way.translate(array) != wanted).any()
    for path in (folder / "dist" / "onnx" / "generator.onnx", folder / "dist" / "generator.safetensors"):
        assert np.abs(ganc.load(path).translate(array).astype(int) - wanted).max() <= 1
    narrow = [ganc.load(supernet_file, widths=widths) for widths in ("4", 4, [4] * 8)]
    assert {model.spec.widths for model in narrow} == {(4,) * 8}


def test_a_foreign_file_is_imported(tmp_path):
    """As ganc import makes a checkpoint of it."""
    foreign = Path(__file__).parents[1] / "golden" / "foreign-mobile-zip.pth"
    model = ganc.load(foreign, direction="BtoA", threads=1)
    succeed("ganc", "import", foreign, "--direction", "BtoA", "-o", tmp_path / "imported.safetensors")
    imported = ganc.load(tmp_path / "imported.safetensors")
    assert (model.spec, model.direction, model.image_size) == (imported.spec, "BtoA", (256, 256))
    array = keyed_generator(0, "api/foreign").integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert_same_pixels(model.translate(array), imported.translate(array))


def test_a_file_that_holds_no_generator_is_refused_in_one_line(chain, tmp_path):
    (tmp_path / "notes.txt").write_text("a horse\n")
    (tmp_path / "cut.safetensors").write_bytes(chain.replace.read_bytes()[:1000])
    refused = {
        tmp_path / "absent": "no such file; expected a checkpoint, a folder that ganc-export wrote, or a .pth",
        tmp_path / "notes.txt": "begins as no file that holds a generator; expected a checkpoint",
        tmp_path / "cut.safetensors": "not a ganc-checkpoint file, or truncated",
        tmp_path: "no model.json in it",
        chain.search: "begins as no file that holds a generator",
    }
    for path, said in refused.items():
        with pytest.raises(ganc.GancError) as caught:
            ganc.load(path)
        assert str(caught.value).startswith(f"{path}: {said}")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "tensorrt"}, "engine 'tensorrt': expected one of"),
        ({"threads": 0}, "threads (=0): expected a whole number, at least 1"),
        ({"threads": "2"}, "threads (='2'): expected a whole number, at least 1"),
        ({"widths": []}, "widths (=()): expected some"),
        ({"direction": "AtoC"}, "direction 'AtoC', expected one of AtoB, BtoA"),
        ({"key": "G"}, "key (='G'): is of another program's file"),
        ({"device": "gpu", "engine": "onnxruntime"}, "onnxruntime runs on the CPU here"),
        ({"widths": "8_8"}, "8_8"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_an_impossible_choice_is_named(teacher_file, options, said):
    with pytest.raises(ganc.GancError) as caught:
        ganc.load(teacher_file, **options)
    assert said in str(caught.value)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime", "paddle", "paddle-inference"])
def test_an_engine_takes_as_many_threads_as_it_is_told(teacher_file, engine):
    """The same image with one thread and two, in an engine that is told so."""
    array = keyed_generator(0, "api/threads").integers(0, 256, (16, 16, 3), dtype=np.uint8)
    one, two = (ganc.load(teacher_file, engine=engine, threads=count) for count in (1, 2))
    assert one.engine == engine
    assert_same_pixels(one.translate(array), two.translate(array))


def test_a_comparison_has_the_rows_of_the_command_and_how_far_the_models_are_apart(folder, teacher_file, tiny_data):
    printed = json.loads(
        succeed("ganc", "evaluate", teacher_file, folder / "dist", "--data", tiny_data, *UNTRAINED_SET, "--json").stdout
    )
    rows = ganc.compare([teacher_file, ganc.load(folder / "dist")], tiny_data, feature_set=UNTRAINED)
    assert [{name: value for name, value in row.items() if name != "l1"} for row in rows] == nearly(printed)
    assert rows[0]["l1"] == 0
    assert 0 <= rows[1]["l1"] < 0.01
    assert ganc.evaluate(teacher_file, tiny_data, feature_set=UNTRAINED) == nearly(printed[0])


def test_images_without_a_target_are_compared_without_a_metric(folder, teacher_file, student_file, tmp_path):
    names = ["rgb.png", "grey.png"]
    for name in names:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    paths = [tmp_path / name for name in names]
    rows = ganc.compare([teacher_file, student_file], paths, timed=True)
    models = [ganc.load(path) for path in (teacher_file, student_file)]
    made, other = ([np.asarray(one) for one in model.translate(paths, size=(SIZE, SIZE))] for model in models)
    wanted = np.mean([np.abs(one.astype(int) - two) for one, two in zip(made, other, strict=True)])
    assert [row["l1"] for row in rows] == [0, pytest.approx(wanted)]
    assert {(row["metric"], row["images"], row["milliseconds"] > 0) for row in rows} == {(None, 2, True)}
    assert ganc.compare(models, tmp_path)[1]["l1"] == rows[1]["l1"]
    with pytest.raises(ganc.GancError, match="it needs a data folder"):
        ganc.compare(models, paths, feature_set=UNTRAINED)
    with pytest.raises(ganc.GancError, match="expected a list of them"):
        ganc.compare([], paths)
    for given in ("test", "tset"):
        with pytest.raises(ganc.GancError, match="reference"):
            ganc.compare(models, paths, reference=given)


def test_a_folder_of_large_images_is_compared_one_by_one(teacher_file, tmp_path):
    """Ten decoded images are ten times 3 MB."""
    for number in range(10):
        Image.new("RGB", (1000, 1000), (20 * number, 0, 0)).save(tmp_path / f"{number}.png")
    model = ganc.load(teacher_file)
    tracemalloc.start()
    try:
        (row,) = ganc.compare([model], tmp_path, size=16)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (row["images"], row["l1"]) == (10, 0)
    assert peak < 5 * 3_000_000


def test_folders_are_evaluated_as_by_the_command(tiny_data):
    folders = (tiny_data / "testA", tiny_data / "testB")
    printed = json.loads(succeed("ganc", "evaluate", *folders, *UNTRAINED_SET, "--kid-subsets", 3, "--json").stdout)
    row = ganc.evaluate(*folders, feature_set=UNTRAINED, kid_subsets=3)
    with pytest.raises(ganc.GancError, match="is for kid_subsets, which is not given"):
        ganc.evaluate(*folders, feature_set=UNTRAINED, kid_subset_size=2)
    assert "for --kid-subsets" in fail("ganc", "evaluate", *folders, "--kid-subset-size", 2, status=2)
    assert json.loads(json.dumps(row)) == printed


@pytest.mark.parametrize(
    ("said", "name"),
    [({"statistics": "real.npz"}, "statistics"), ({"reference": "test"}, "reference"), ({"reference": "tset"}, "tset")],
)
def test_what_is_of_models_is_refused_of_folders_as_by_the_command(tiny_data, said, name):
    with pytest.raises(ganc.GancError, match=name):
        ganc.evaluate(tiny_data / "testA", tiny_data / "testB", feature_set=UNTRAINED, **said)


def test_sub_networks_are_selected_as_by_the_command(chain):
    printed = json.loads(succeed("ganc", "select", chain.search, "--max-macs", "4.5M", "--top", 2, "--json").stdout)
    for budget in ("4.5M", 4_500_000):
        rows = ganc.select(chain.search, max_macs=budget, top=2)
        assert [("_".join(map(str, row.widths)), row.macs) for row in rows] == [
            (row["widths"], row["macs"]) for row in printed
        ]
    assert ganc.load(chain.supernet, widths=rows[0].widths).profile().macs == rows[0].macs
    with pytest.raises(ganc.GancError, match="expected at least 1"):
        ganc.select(chain.search, top=0)
    with pytest.raises(ganc.GancError, match="--max-macs"):
        ganc.select(chain.search, max_macs=1)
