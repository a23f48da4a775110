"""What is installed beside the core, and what to install."""

from ganc.base.errors import MissingDependencyError


def require_matplotlib() -> None:
    """Raise MissingDependencyError unless matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("matplotlib is not installed: install ganc-common[report]") from error
