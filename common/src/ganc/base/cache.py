"""Where ganc keeps what can be computed again."""

import os
from pathlib import Path


def default_cache() -> Path:
    """Return the folder for what can be computed again: $GANC_CACHE, $XDG_CACHE_HOME/ganc or ~/.cache/ganc."""
    if folder := os.environ.get("GANC_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ganc"
