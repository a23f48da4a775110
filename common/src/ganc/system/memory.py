"""How much memory this process took."""

import resource
import sys

from ganc.system.runtime import paddle


def peak_bytes(device: str = "cpu") -> int:
    """Return the most memory that the process had so far, in bytes; of the device on a GPU."""
    if device.startswith("gpu"):
        return paddle.device.cuda.max_memory_allocated()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10  # kilobytes elsewhere
