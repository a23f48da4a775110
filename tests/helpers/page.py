"""An exported page in a browser: serving it, giving it images, and reading what it shows."""

import base64
import contextlib
import io
import threading

import numpy as np
from PIL import Image

from ganc.system.static_server import StaticServer
from helpers.support import succeed

READY = "document.body.dataset.state === 'ready' && document.body.dataset.webgpu"
DONE = "document.body.dataset.state === 'ready' && document.querySelector('#status').textContent.startsWith('Done')"
COUNT = "Number(document.body.dataset.translations || 0)"


@contextlib.contextmanager
def served(folder, kind=StaticServer):
    with kind(folder, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.address
        server.shutdown()


def shown(tab, name):
    """Return what a canvas shows, (h, w, 3)."""
    _, _, data = tab.run(f"document.getElementById('{name}').toDataURL()").partition(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def translated(model, image, folder):
    succeed("ganc", "translate", model, image, "-o", folder / "expected.png")
    with Image.open(folder / "expected.png") as made:
        return np.asarray(made.convert("RGB")).astype(int)


@contextlib.contextmanager
def translating(tab):
    """Wait until an image is translated that the block brings."""
    before = tab.run(COUNT)
    yield
    tab.wait_for(f"{COUNT} > {before} && {DONE}")


def give(tab, path, size):
    """Choose a file and wait until it is translated; `size` is that of what is shown."""
    with translating(tab):
        tab.give_file("#file", path)
    assert figures(tab)["image"] == f"{size[0]} × {size[1]}"


def figures(tab):
    pairs = "[...document.querySelectorAll('[data-figure]')].map((one) => [one.dataset.figure, one.textContent])"
    return dict(tab.run(pairs))
