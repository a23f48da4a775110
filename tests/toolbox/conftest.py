"""Files that several tests of the toolbox read."""

import pytest
from helpers.support import make_checkpoint

from ganc.files.checkpoint import write_checkpoint


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """An untrained checkpoint of the smallest width. Read it only."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    write_checkpoint(path, make_checkpoint("distill", 4))
    return path
