"""The exported page in a real browser: what it makes of images, how it is used. test_page_loading.py: how it loads."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from helpers.images import save_random_image
from helpers.page import DONE, READY, figures, give, served, shown, translated, translating
from helpers.support import SIZE, succeed
from PIL import Image

from ganc.base.rng import keyed_generator
from ganc.data import to_float
from ganc.data.layout import IMAGE_FORMATS
from ganc.data.levels import Levels
from ganc.engines.tiles import continued

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "gan-compression-horse2zebra"


def test_images_are_translated_as_ganc_translates_them(page, web_folder, tmp_path):
    """Of odd sizes, tiny, larger than wide, with opacity: continued and cut back, and laid on white."""
    for name, size, mode in (
        ("odd.png", (30, 23), "RGB"),
        ("tiny.png", (3, 2), "RGB"),
        ("tall.png", (32, 61), "RGB"),
        ("grey.png", (28, 31), "L"),
        ("clear.png", (32, 24), "RGBA"),
    ):
        image = save_random_image(tmp_path / name, size, mode)
        if mode == "RGBA":
            with Image.open(image) as clear:
                clear.putalpha(Image.fromarray(np.tile(np.uint8([0, 255]), (size[1], size[0] // 2))))
                clear.save(image)
        give(page, image, size)
        apart = np.abs(shown(page, "after") - translated(web_folder / "dist", image, tmp_path))
        assert apart.mean() < 0.5, name
        assert apart.max() <= 2, name
    assert figures(page)["engine"].startswith("WebAssembly")
    assert float(figures(page)["frame"].removesuffix(" ms").replace(",", "")) > 0


CONVERT = """
(async (rgba, width, height, settings) => {
  const { toImage, toInput } = await import('/convert.js');
  const input = toInput(Uint8ClampedArray.from(rgba), width, height, settings);
  const image = toImage(input.data, input.dims, width, height, settings);
  return { data: [...input.data], dims: input.dims, image: [...image] };
})
"""


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("layout", IMAGE_FORMATS)
def test_pixels_become_what_ganc_feeds_and_come_back(page, layout, channels):
    """With the levels of a scanner's images in one case; those are gone when they come back."""
    form, width, height = IMAGE_FORMATS[layout], 9, 6
    rgba = keyed_generator(0, "pixels", channels).integers(0, 256, (height, width, 4), dtype=np.uint8)
    levels = Levels(40, 200).to_bytes(np.arange(256, dtype=np.uint8)) if channels == 3 else None
    settings = {"multiple": 4, "dtype": form.dtype, "layout": form.layout, "channels": channels}
    settings["levels"] = None if levels is None else levels.tolist()
    made = page.run(f"{CONVERT}({rgba.ravel().tolist()}, {width}, {height}, {json.dumps(settings)})")

    image = rgba[..., :3] if levels is None else levels[rgba[..., :3]]
    image = np.asarray(Image.fromarray(image).convert("L"))[..., None] if channels == 1 else image
    image = np.dstack([image, rgba[..., 3]]) if channels == 4 else image
    fed = form.feed(to_float(continued(image, 4))[None])
    assert made["dims"] == [*fed.shape]
    np.testing.assert_array_equal(np.array(made["data"], fed.dtype), fed.ravel())
    back = np.array(made["image"], np.uint8).reshape(height, width, 4)
    np.testing.assert_array_equal(back[..., :3], image[..., :3] if channels > 1 else np.repeat(image, 3, axis=2))
    assert (back[..., 3] == (rgba[..., 3] if channels == 4 else 255)).all()


def test_nothing_is_asked_of_anybody_else(page, address):
    for name in ("main.js", "generator.onnx", "ort/ort.wasm.bundle.min.mjs"):  # the page's, and its worker's
        assert f"{address}{name}" in page.requests
    assert {one for one in page.requests if not one.startswith((address, "blob:", "data:"))} == set()


def test_the_boundary_moves_by_keys_and_says_where_it_is(page):
    page.run("document.getElementById('split').focus()")
    for _ in range(3):
        page.press("ArrowLeft", 37)
    assert page.run("document.getElementById('split').value") == "47"
    assert page.run("document.getElementById('split').getAttribute('aria-valuetext')") == "47 % before"
    clip = "getComputedStyle(document.getElementById('before')).clipPath"
    assert "53%" in page.run(clip)
    page.press("End", 35)
    assert page.run(clip).replace("calc(", "").startswith("inset(0")
    assert page.run("document.getElementById('split').value") == "100"


def test_everything_can_be_reached_by_tab_and_has_a_name(page):
    """In the order of the page; what the browser's own tree of accessibility calls it."""
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(14):
        page.press("Tab", 9)
        reached.append(page.run("document.activeElement.id || document.activeElement.parentElement.parentElement?.id"))
    for name in ("split", "file", "camera", "save", "samples", "size", "run-original", "language"):
        assert name in reached
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    controls = [one for one in nodes if one.get("role", {}).get("value") in ("button", "slider", "combobox", "image")]
    assert len(controls) >= 10
    assert all(one["name"]["value"] for one in controls if not one["ignored"])


def test_a_sample_and_another_size_are_translated(page):
    with translating(page):
        page.run("document.querySelector('#samples li:last-child button').click()")
    before = shown(page, "before")
    assert before.shape == (SIZE, SIZE, 3)
    assert page.run("document.getElementById('save').disabled") is False
    with translating(page):
        page.run("document.getElementById('size').value = '0'")
        page.run("document.getElementById('size').dispatchEvent(new Event('change'))")
    np.testing.assert_array_equal(shown(page, "before"), before)
    page.run("document.getElementById('size').selectedIndex = 0")


def test_a_larger_image_is_scaled_down(page, tmp_path):
    give(page, save_random_image(tmp_path / "large.png", (200, 100)), (2 * SIZE, SIZE))


def test_the_original_runs_beside_the_compressed_one(page, web_folder, tmp_path):
    image = save_random_image(tmp_path / "image.png", (32, 32))
    give(page, image, (32, 32))
    page.run("document.getElementById('run-original').click()")
    page.wait_for("!document.getElementById('pair').hidden")
    page.wait_for(DONE)
    expected = translated(web_folder / "original.safetensors", image, tmp_path)
    assert np.abs(shown(page, "by-original") - expected).mean() < 1
    np.testing.assert_array_equal(shown(page, "by-compressed"), shown(page, "after"))
    for name in ("original", "compressed"):  # which of them is faster is not for a busy machine to say
        assert re.match(r"[\d.,]+ ms, [\d.]+ MB", page.run(f"document.getElementById('{name}-facts').textContent"))
    second = save_random_image(tmp_path / "second.png", (28, 24))
    give(page, second, (28, 24))
    assert shown(page, "by-original").shape == (24, 28, 3)


CLICK_CAMERA = "document.getElementById('camera').click()"
LIVE = "document.getElementById('status').textContent === 'The camera is on.'"
OFF = "document.getElementById('camera').textContent === 'Use the camera' && document.body.dataset.state === 'ready'"
# The camera, given when `allow()` is called after a click; `live()` counts what still records.
ASKING = """
{
  const own = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const tracks = [];
  window.ask = () => { window.allowed = new Promise((done) => { window.allow = done; }); };
  window.ask();
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await window.allowed;
    const stream = await own(wanted);
    tracks.push(...stream.getTracks());
    return stream;
  };
  window.given = () => tracks.length;
  window.live = () => tracks.filter((one) => one.readyState === 'live').length;
  window.end = () => tracks.forEach((one) => one.dispatchEvent(new Event('ended')));
  window.hide = (hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  };
}
"""


def test_no_camera_stays_on_that_nobody_sees(page):
    """Two clicks before the visitor allows it, a page hidden while it runs and while it asks, and one unplugged."""
    page.run(ASKING)
    page.run(f"{CLICK_CAMERA}; {CLICK_CAMERA}; allow()")
    page.wait_for(f"{LIVE} && given() === 2")
    page.wait_for("live() === 1")
    page.run("hide(true)")
    assert page.run("live()") == 0
    page.wait_for(OFF)
    assert page.run("document.getElementById('status').textContent") == ""
    page.run(f"hide(false); ask(); {CLICK_CAMERA}; hide(true); hide(false); allow()")
    page.wait_for("given() === 3 && live() === 0")
    assert page.run(OFF)
    page.run(CLICK_CAMERA)
    page.wait_for(LIVE)
    page.run("end()")
    page.wait_for(f"{OFF} && live() === 0")
    page.run("delete navigator.mediaDevices.getUserMedia; delete document.hidden")


def test_the_camera_starts_with_a_click_and_stops_with_another(page):
    """Its figures change all the time, and are not read out."""
    assert page.run("document.querySelector('video') === null")
    page.run(CLICK_CAMERA)
    page.wait_for(LIVE)
    assert page.run("document.getElementById('camera').textContent") == "Stop the camera"
    assert shown(page, "before").shape == (SIZE, SIZE, 3)
    page.run(
        "window.said = []; for (const name of ['status', 'pace']) new MutationObserver(() => window.said.push(name))"
        ".observe(document.getElementById(name), { childList: true, characterData: true, subtree: true });"
    )
    page.wait_for("window.said.length > 2")
    assert set(page.run("window.said")) == {"pace"}
    page.run(CLICK_CAMERA)
    page.wait_for(OFF)
    page.run("void (navigator.mediaDevices.getUserMedia = async () => { throw new Error('Permission denied'); })")
    page.run(CLICK_CAMERA)
    page.wait_for("document.getElementById('status').textContent.includes('(Permission denied)')")


def test_a_dropped_image_is_taken_and_what_is_none_is_said(page, tmp_path):
    drop = """
    (async (type, content) => {
      const blob = type ? await (await fetch('samples/2.png')).blob() : new Blob([content]);
      const carried = new DataTransfer();
      carried.items.add(new File([blob], 'it', { type }));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));
    })
    """
    page.run(f"{drop}('', 'no image')")
    page.wait_for(
        "document.getElementById('status').textContent === 'This file is no image that the browser can read.'"
    )
    with translating(page):
        page.run(f"{drop}('image/png')")


def test_webgpu_is_compared_square_by_square_and_without_opacity(page):
    """A wrong corner is not made good by the rest; what no image has is not counted."""
    made = """
    (async () => {
      const { worstDifference } = await import('/generator.js');
      const [one, corner, opacity] = [0, 0, 0].map(() => new ImageData(70, 90));
      for (let y = 80; y < 90; y++) for (let x = 64; x < 70; x++) corner.data[4 * (70 * y + x)] = 30;
      for (let place = 3; place < opacity.data.length; place += 4) opacity.data[place] = 255;
      return [worstDifference(one, one, 3), worstDifference(one, corner, 3), worstDifference(one, opacity, 3)];
    })()
    """
    assert page.run(made) == [0, 10, 0]


def test_chinese_is_one_click_away(page):
    page.run("document.getElementById('language').click()")
    assert page.run("document.documentElement.lang") == "zh-CN"
    assert page.run("document.querySelector('#panel h2').textContent") == "您的图像"
    assert page.run("document.getElementById('status').textContent")[0] not in "DT"
    page.run("document.getElementById('language').click()")
    assert page.run("document.documentElement.lang") == "en"


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_is_wider_than_the_window(page, width):
    page.look(width, 800)
    assert page.run("document.documentElement.scrollWidth") <= width


def test_the_reference_generator_makes_its_image(tab, web_runtime, tmp_path):
    if not REFERENCE.is_dir():
        pytest.skip("needs the generator in ../shared/reference")
    checkpoint, dist = tmp_path / "generator.safetensors", tmp_path / "dist"
    succeed("ganc", "import", REFERENCE / "latest_net_G.pth", "-o", checkpoint)
    page = ("--format", "web", "--runtime", web_runtime, "--sample", REFERENCE / "input.png")
    succeed("ganc-export", "--checkpoint", checkpoint, *page, "-o", dist)
    with served(dist / "web") as address:
        tab.open(f"{address}?engine=wasm")
        tab.wait_for(READY)
        made = shown(tab, "after")
    wanted = np.asarray(Image.open(REFERENCE / "expected.png").convert("RGB")).astype(int)
    for other in (wanted, translated(dist, REFERENCE / "input.png", tmp_path)):
        apart = np.abs(made - other)
        assert apart.mean() < 1
        assert (apart == 0).mean() > 0.99
