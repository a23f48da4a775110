"""The paths on a command line: what a command reads, and what it writes, which is never anything that it reads."""

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ganc.base.atomic import WriteError, place_of, require_writable, write_error
from ganc.base.errors import FileFormatError
from ganc.base.temporaries import remove_leftovers

# What only a command's run needs is imported inside it, so that --help waits for no numpy, h5py or Paddle.

STREAM = "-"  # standard input or output


class NamedPath(click.Path):
    """A path that names something: an empty text, as of a variable that is not set, would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not os.fspath(value):
            self.fail("an empty name; expected a path", param, ctx)
        return super().convert(value, param, ctx)


class FolderPath(NamedPath):
    """The path of a folder, by its usual name."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(file_okay=False, path_type=Path, **settings)
        self.name = "folder"


class Written(NamedPath):
    """A file that a command writes; every other click.Path is one that it reads."""

    def overwrites(self, output: Path, path: Path) -> bool:
        """Whether writing `output` would lose `path`, a file or folder that is read. Both are without links."""
        return self.replaces(output, path) or (output.is_file() and path.is_dir() and _is_read(path, output))

    def replaces(self, output: Path, path: Path) -> bool:
        """Whether writing `output` would write `path` too, which is an output itself. Both are without links."""
        return _same(output, path)


class WrittenFolder(FolderPath, Written):
    """A folder that is replaced as a whole."""

    def overwrites(self, output: Path, path: Path) -> bool:
        return self.replaces(output, path)

    def replaces(self, output: Path, path: Path) -> bool:
        return _same(output, path) or output in path.parents


class RunFolder(FolderPath, Written):
    """A folder in which the files of a training run are written."""

    def overwrites(self, output: Path, path: Path) -> bool:
        if output not in path.parents:
            return False
        from ganc.files.run_directory import NAMES

        return path.relative_to(output).parts[0] in NAMES

    def replaces(self, output: Path, path: Path) -> bool:
        return _same(output, path) or self.overwrites(output, path)


class InputText(click.types.StringParamType):
    """A text that names a file to read, or something else, such as - or a feature set."""

    name = "file"


@dataclass(frozen=True)
class Place:
    """A path that a command reads or writes, and how its user said so."""

    said: str
    path: Path
    kind: click.ParamType

    @property
    def resolved(self) -> Path:
        """The path without links and `..`."""
        return Path(os.path.realpath(self.path))


FILE = NamedPath(dir_okay=False, path_type=Path)
FOLDER = FolderPath()
INPUT_TEXT = InputText()
OUTPUT_FILE = Written(dir_okay=False, path_type=Path)
OUTPUT_FOLDER = WrittenFolder()
RUN_FOLDER = RunFolder()


def places(parameters: Iterable[click.Parameter], values: Mapping) -> Iterator[Place]:
    """Yield the paths among a command's values."""
    for parameter in parameters:
        value = values.get(parameter.name)
        if value is None or not isinstance(parameter.type, click.Path | InputText):
            continue
        said = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.human_readable_name
        for path in value if isinstance(value, tuple) else [value]:
            if str(path) != STREAM:
                yield Place(said, Path(path), parameter.type)


def require_reachable(found: Iterable[Place]) -> None:
    """Raise FileFormatError, or WriteError, for a path that the system refuses to look at, as for a name too long."""
    for place in found:
        try:
            os.stat(place.path)
        except (FileNotFoundError, NotADirectoryError):  # what reads it says what was expected there
            continue
        except OSError as error:
            if isinstance(place.kind, Written):
                raise write_error(place.path, error) from error
            raise FileFormatError(f"{place.path}: cannot be read ({error.strerror or error})") from error
        except ValueError as error:  # a null byte
            raise FileFormatError(f"{str(place.path)!r}: no file has such a name") from error


def require_separate(found: Iterable[Place]) -> None:
    """Raise WriteError where what is written would overwrite what is read or written besides, or a device, say."""
    found = list(found)
    read = [place for place in found if not isinstance(place.kind, Written)]
    written = [(place, place.kind) for place in found if isinstance(place.kind, Written)]
    for output, kind in written:
        place_of(output.path)
        for place in read:
            if kind.overwrites(output.resolved, place.resolved):
                raise WriteError(
                    f"{output.said} {output.path}: would overwrite what {place.said} {place.path} reads; "
                    "choose another place"
                )
    for (one, kind), (other, _) in itertools.permutations(written, 2):
        if kind.replaces(one.resolved, other.resolved):
            raise WriteError(f"{one.said} {one.path} and {other.said} {other.path}: one would overwrite the other")


def prepare_outputs(found: Iterable[Place]) -> None:
    """Test that files can be written later, and remove what killed runs left beside them and beside folders.

    Raises:
        WriteError: one cannot be written.
    """
    written = [(place, place.kind) for place in found if isinstance(place.kind, Written)]
    remove_leftovers(place.resolved for place, _ in written)
    for place, kind in written:
        if not kind.dir_okay:
            require_writable(place.path)


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file or folder, also by a hard link or in a file system that ignores case."""
    try:
        return one == other or one.samefile(other)
    except OSError:  # one of them is not there
        return False


def _is_read(folder: Path, file: Path) -> bool:
    """Whether a file is in a folder that a command reads, part of what it reads and not what it wrote there before.

    Of images those are the images and their lists, of an exported model all but the charts of it. The folder's files
    may be links, and its folders too.
    """
    from ganc.data.images import is_image
    from ganc.files.card import CARD

    exported = (folder / CARD).is_file()
    if exported == is_image(file) and (exported or file.suffix != ".txt"):
        return False
    return any(_same(file, one) for pattern in ("*", "*/*") for one in folder.glob(pattern))
