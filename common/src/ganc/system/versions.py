"""Versions of what is installed, found without importing it."""

import importlib.metadata

PADDLE_PACKAGES = ("paddlepaddle", "paddlepaddle-gpu")


def version_of(distribution: str) -> str | None:
    """Return the version of an installed distribution, None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def paddle_versions() -> dict[str, str]:
    """Return the versions of the distributions of Paddle that are installed, by name."""
    return {name: version for name in PADDLE_PACKAGES if (version := version_of(name))}


def paddle_version() -> str | None:
    """Return the version of Paddle, None where it is not installed."""
    return next(iter(paddle_versions().values()), None)
