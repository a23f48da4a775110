"""Writing a folder as a whole: it is made beside its place and takes it when it is complete."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ganc.base.atomic import WriteError, force_onto_disk, place_of, umask, write_error
from ganc.base.temporaries import OLD, PART, REPLACED, has_temporaries, remove_leftovers, temporary_folder

# What programs leave in folders that they show or make, without being asked.
LEFT_BY_PROGRAMS = (".DS_Store", "Thumbs.db", ".snakemake_timestamp")


@contextlib.contextmanager
def replacing_folder(
    path: Path, marker: str, *, of_many: bool = False, own: Callable[[Path], Callable[[str], bool]] | None = None
) -> Iterator[Path]:
    """Yield a temporary folder; when the block ends well, it becomes `path`.

    An older folder at `path` is replaced only if it is empty or holds the file `marker`, which shows that ganc made it;
    the block must write that file. Where `path` is a link, all this is of what it points to. On any error nothing is
    left behind and an older folder is as it was.

    A folder that cannot be exchanged (the current one, a mounted one, one beside which nothing can be written) stays,
    and what it holds is exchanged, `marker` last.

    Args:
        of_many: there are too many files in it to wait until each is on the disk.
        own: reads of an older folder what ganc wrote into it, and returns whether a file, by its POSIX path there, is
            part of that; None where nobody else writes there.

    Raises:
        WriteError: `path` was not made by ganc, or holds something that was put into it since, or cannot be written.
    """
    path = place_of(path)
    inside = path / path.name
    remove_leftovers([path])
    _require_own(path, marker)
    if own and (path / marker).is_file() and not has_temporaries(inside):  # else one was killed half way
        _require_nothing_else(path, own(path))
    remove_leftovers([inside])
    stays = _must_stay(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(inside if stays else path) as temporary:
            yield temporary
            temporary.chmod(0o777 & ~umask())
            if not of_many:
                for file in filter(Path.is_file, temporary.rglob("*")):
                    force_onto_disk(file)
            if stays:
                _exchange_content(path, temporary, marker)
            elif path.exists():
                _exchange(path, temporary)
            else:
                os.rename(temporary, path)
    except OSError as error:
        raise write_error(path, error) from error


def _require_own(path: Path, marker: str) -> None:
    """Raise WriteError where there is something that ganc did not make."""
    if not os.path.lexists(path):
        return
    if path.is_dir():
        # Killed while it filled an empty folder, a process left the marker in its temporary one.
        holders = (path, *path.glob(f".*{PART}"))
        if not any(path.iterdir()) or any((folder / marker).is_file() for folder in holders):
            return
    raise WriteError(f"{path}: exists and was not made by ganc (no {marker} in it); choose another folder")


def _require_nothing_else(path: Path, is_own: Callable[[str], bool]) -> None:
    """Raise WriteError where something was put into a folder that ganc made."""
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted([*files, *links]):
            file = Path(folder) / name
            if name not in LEFT_BY_PROGRAMS and not is_own(file.relative_to(path).as_posix()):
                raise WriteError(
                    f"{path}: holds {file.relative_to(path)}, which ganc did not write and which would be lost; move "
                    "it away, or choose another folder"
                )


def _must_stay(path: Path) -> bool:
    """Whether the folder cannot be exchanged for another, or somebody would find himself in one that is gone."""
    if not path.is_dir():
        return False
    with contextlib.suppress(OSError):  # the current folder may be gone
        if Path(os.getcwd()).is_relative_to(path):
            return True
    return os.path.ismount(path) or not os.access(path.parent, os.W_OK)


def swap(one: Path, other: Path) -> bool:
    """Let two folders take each other's places in one step; return whether this system and file system can do that."""
    import ctypes  # --help does without

    try:
        rename = ctypes.CDLL(None).renameat2  # Linux; Python has no function for it
    except (AttributeError, OSError, TypeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def _exchange(path: Path, new: Path) -> None:
    """Let a new folder take the place of `path`, which comes back on any error.

    Where the two cannot be swapped there is a moment without `path`: of a process that is killed just then, the next
    command with the same output puts it back.
    """
    if swap(path, new):
        return  # what is now in the temporary place is removed as it is
    with temporary_folder(path, OLD) as old:
        os.rename(path, old / REPLACED)
        os.rename(new, path)


def _exchange_content(path: Path, new: Path, marker: str) -> None:
    """Let what is in a new folder take the place of what is in `path`, the marker last; on any error it comes back."""
    with temporary_folder(path / path.name) as old:
        own = [one for one in path.iterdir() if one not in (new, old) and one.name != marker]
        moves = [(one, old / one.name) for one in own]
        moves += [(one, path / one.name) for one in new.iterdir() if one.name != marker]
        try:
            for source, target in moves:
                os.rename(source, target)
            os.replace(new / marker, path / marker)
        except BaseException:
            for source, target in reversed(moves):
                if os.path.lexists(target) and not os.path.lexists(source):
                    os.rename(target, source)
            raise
