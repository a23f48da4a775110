"""Writing a file beside its place and moving it in with one rename: a reader sees the old file or the new one.

Where the place is a link, what it points to is written, and the link stays; so it is with folders.
"""

import contextlib
import glob
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ganc.base.errors import GancError


class WriteError(GancError):
    """A file or folder could not be written."""


def write_error(path: Path, error: OSError) -> WriteError:
    """Return the error that says why `path` could not be written."""
    reason = error.strerror or error
    if isinstance(error, FileExistsError | NotADirectoryError):  # which of them depends on the place in the path
        reason = "a part of its path is a file, not a folder"
    return WriteError(f"{path}: cannot be written ({reason})")


def place_of(path: Path) -> Path:
    """Return where an output really is: the path without links.

    Raises:
        WriteError: what is there is neither a regular file nor a folder, or the links have no end.
    """
    place = Path(os.path.realpath(path))
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return place
    except OSError as error:
        raise write_error(path, error) from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
        kind = kinds.get(stat.S_IFMT(mode), "special file")
        raise WriteError(f"{path}: is a {kind}, which ganc does not replace; name a file")
    return place


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the block ends well, the file there becomes `path`.

    On any error nothing is left behind and an older file at `path` stays as it was. Missing folders are made. Where
    `path` is a link, all this is of what it points to.

    Raises:
        WriteError: the folder or the file cannot be written, or `path` is a device, a pipe or a socket.
    """
    path = place_of(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        import tempfile  # --help does without

        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what `replacing` left beside `path` when its process was killed; the caller must be its only writer."""
    path = place_of(path)
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        leftover.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Raise WriteError now if `path` could not be written later, so that a long run does not fail at its end."""
    path = place_of(path)
    if path.is_dir():
        raise WriteError(f"{path}: is a folder, expected a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        import tempfile  # --help does without

        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise write_error(path, error) from error


@contextlib.contextmanager
def replacing_folder(path: Path, marker: str) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; when the block ends well, it becomes `path`.

    An older folder at `path` is replaced only if it is empty or holds the file `marker`, which shows that ganc made it.
    Where `path` is a link, all this is of what it points to.

    Raises:
        WriteError: `path` was not made by ganc, or cannot be written.
    """
    path = place_of(path)
    if path.exists() and not (path.is_dir() and ((path / marker).is_file() or not any(path.iterdir()))):
        raise WriteError(f"{path}: exists and was not made by ganc (no {marker} in it); choose another folder")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        import tempfile  # --help does without

        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            import tempfile  # --help does without

            old = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
            os.rename(path, old / "old")
            try:
                os.rename(temporary, path)
            except OSError:
                os.rename(old / "old", path)
                old.rmdir()
                raise
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.rename(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
