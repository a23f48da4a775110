"""Writing a file beside its place and moving it in with one rename: a reader sees the old file or the new one.

Where the place is a link, what it points to is written, and the link stays; so it is with folders
(`ganc.base.atomic_folder`).
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ganc.base.errors import GancError
from ganc.base.temporaries import remove_leftovers, temporary_file

_BLOCK = 4096  # bytes: a full disk still has room for a name


class WriteError(GancError):
    """A file or folder could not be written."""


def write_error(path: Path, error: OSError) -> WriteError:
    """Return the error that says why `path` could not be written."""
    reason = error.strerror or error
    if isinstance(error, FileExistsError | NotADirectoryError):  # which of them depends on the place in the path
        reason = "a part of its path is a file, not a folder"
    return WriteError(f"{path}: cannot be written ({reason})")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within the block, what the system refuses is a WriteError of `path`: for files that are not replaced whole."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error


def place_of(path: Path) -> Path:
    """Return where an output really is: the path without links.

    Raises:
        WriteError: what is there is neither a regular file nor a folder, or the links have no end.
    """
    place = Path(os.path.realpath(path))
    try:
        mode = os.stat(path).st_mode  # not of `place`: what /dev/stdout leads to has a name that no path is
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
def replacing(path: Path, *, one_of_many: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; when the block ends well, the file there becomes `path`.

    On any error nothing is left behind and an older file at `path` stays as it was. Missing folders are made. Where
    `path` is a link, all this is of what it points to.

    Args:
        one_of_many: such as images of a folder. Else what killed processes left of this file is removed first, and the
            new one is on the disk before it takes its place: after a power cut too there is the old or the new one.

    Raises:
        WriteError: the folder or the file cannot be written, or `path` is a device, a pipe or a socket.
    """
    path = place_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not one_of_many:
            remove_leftovers([path])
        with temporary_file(path) as temporary:
            yield temporary
            temporary.chmod(0o666 & ~umask())
            if not one_of_many:
                force_onto_disk(temporary)
            os.replace(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error


def require_writable(path: Path) -> None:
    """Raise WriteError now if `path` could not be written later, so that a long run does not fail at its end.

    A file of the name that the temporary one will have is made and removed again; folders that are missing are not
    made, and the test is in the folder in which they would be.
    """
    path = place_of(path)
    if path.is_dir():
        raise WriteError(f"{path}: is a folder, expected a file to write")
    folder = next(parent for parent in path.parents if os.path.lexists(parent))
    try:
        for part in path.relative_to(folder).parts:
            with contextlib.suppress(FileNotFoundError):
                os.lstat(folder / part)  # a name that is too long
        with temporary_file(folder / path.name) as temporary:
            temporary.write_bytes(bytes(_BLOCK))
    except OSError as error:
        raise write_error(path, error) from error


def force_onto_disk(path: Path) -> None:
    """Wait until the content of a file is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def umask() -> int:
    """Return which permissions new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
