"""Networks that other programs trained: reading their files safely, and turning them into ganc's."""

from ganc.importers.checkpoint import SeveralNetworksError, import_checkpoint
from ganc.importers.files import read_networks, read_tensors

__all__ = ["SeveralNetworksError", "import_checkpoint", "read_networks", "read_tensors"]
