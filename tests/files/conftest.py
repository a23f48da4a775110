"""Files that several tests of this room read or damage."""

import pytest
from helpers.support import make_checkpoint

from ganc.files.checkpoint import write_checkpoint


@pytest.fixture
def path(tmp_path):
    """The file of an untrained checkpoint of both directions, which a test may change."""
    path = tmp_path / "checkpoint.safetensors"
    write_checkpoint(path, make_checkpoint("replace", 4))
    return path
