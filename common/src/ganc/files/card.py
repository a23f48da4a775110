"""The model card: the JSON file that an exported folder carries and is recognised by."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.digests import tensors_digest
from ganc.base.direction import Direction
from ganc.base.engine_table import FORMATS
from ganc.base.errors import FileFormatError, SpecError
from ganc.base.json_text import JsonObject, read_json
from ganc.base.reading import sha256_of
from ganc.models.spec import GeneratorSpec, spec_from_json

CARD = "model.json"
CHECKPOINT = "generator.safetensors"  # the generator alone, beside the card
README = "README.md"  # the card for people
FORMAT = "ganc-model"
VERSION = 3
CHECKSUM = "checksum"  # the member with the digest of all others; a card without one is of an older version
DTYPES, LAYOUTS = ("float32", "uint8"), ("NCHW", "NHWC")  # of the input
# 2 has no checksum; 1 had one variant and did not list it: a Paddle inference model in f32.
READABLE = (1, 2, VERSION)


def without_card(path: Path) -> Path:
    """Return the folder of a model's card; any other path as it is."""
    return path.parent if path.name == CARD and path.is_file() else path


@dataclass(frozen=True)
class Variant:
    """One of the models in an exported folder: a format with a precision, names of `ganc.base.engine_table`.

    Attributes:
        files: SHA-256 of each of its files, by path below the folder; empty where a card does not say.
    """

    format: str
    precision: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where the graph is below the folder; of a format that names its files itself, what these names begin with."""
        suffix = FORMATS[self.format].suffix
        return f"{self.format}/generator{'' if self.precision == 'f32' else '.' + self.precision}{suffix}"

    @property
    def name(self) -> str:
        """The path that names the variant: that of its graph, or its folder where the format names the files."""
        row = FORMATS[self.format]
        return self.path if row.suffix and not row.page else self.format


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file. Raises FileFormatError if it cannot be read."""
    return sha256_of(path, "a file of an exported folder; export the model again")


def write_card(folder: Path, content: Mapping) -> None:
    """Write the card into a folder that is being made."""
    card = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **content}))  # as a reader will find it
    card[CHECKSUM] = tensors_digest(card, {})
    (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path) -> dict:
    """Read the card of an exported folder.

    Raises:
        FileFormatError: there is none, or it is of another kind or version, or of other content than was written, or
            lacks a member or has one of a wrong type, which is named.
    """
    path = Path(folder) / CARD
    if not path.exists():
        raise FileFormatError(f"{folder}: no {CARD} in it, expected a folder that ganc-export wrote")
    content = JsonObject.of(read_json(path, "the model card of an exported folder"), path)
    version = content.require_format(FORMAT, READABLE)
    content = _proven(content, needed=version == VERSION)
    try:
        direction = Direction(content.take("direction", str))
    except SpecError as error:
        raise FileFormatError(f"{path}: {error}; export it again") from error
    try:
        spec_from_json(GeneratorSpec, content.within("generator").members)
    except (SpecError, TypeError, ValueError) as error:
        raise FileFormatError(f"{path}: its 'generator' is none that ganc knows ({error}); export it again") from error
    size = content.take("image_size", list)
    if len(size) != 2 or any(type(side) is not int or side < 1 for side in size):
        raise FileFormatError(f"{path}: its 'image_size' is {str(size)[:40]}, expected two sizes in pixels")
    if version > 1:
        given = content.within("input")
        for name, possible in (("dtype", DTYPES), ("layout", LAYOUTS)):
            if given.take(name, str) not in possible:
                raise FileFormatError(f"{path}: its 'input.{name}' is none of {', '.join(possible)}; export it again")
        card_variants(folder, content.members)
    return {**content.members, "direction": direction}


def _proven(content: JsonObject, needed: bool) -> JsonObject:
    """Return a card without its checksum. Raises FileFormatError where that differs, or is needed and missing."""
    checksum = content.take(CHECKSUM, str) if needed else content.take(CHECKSUM, str, None)
    members = {name: value for name, value in content.members.items() if name != CHECKSUM}
    if checksum is not None and checksum != tensors_digest(members, {}):
        raise FileFormatError(
            f"{content.source}: its content is not what was written (its checksum differs); export the model again"
        )
    return JsonObject(content.source, members)


def card_variants(folder: Path, card: Mapping) -> tuple[Variant, ...]:
    """Return the variants that a card lists, in its member `forms`.

    Raises:
        FileFormatError: the list is damaged; the member that is missing or of a wrong type is named.
    """
    if card["version"] == 1:
        return (Variant("paddle", "f32"),)
    path = Path(folder) / CARD
    listed = JsonObject(path, card).take("forms", list)
    return tuple(_variant(JsonObject.of(one, path, f"forms.{place}")) for place, one in enumerate(listed))


def written_files(folder: Path) -> Callable[[str], bool]:
    """Return whether `ganc-export` wrote a file of an exported folder, by its POSIX path below the folder.

    That is what the card lists; of a card that lists nothing, or cannot be read, what has the names of such files.
    """
    try:
        card = read_card(folder)
        variants = card_variants(folder, card)
    except FileFormatError:
        card, variants = {}, ()
    listed = {name for one in variants for name in one.files}
    if not listed:
        usual = {CARD, CHECKPOINT, README}
        return lambda name: name in usual or name.partition("/")[0] in FORMATS
    known = {CARD, *card.get("files", (CHECKPOINT,)), *listed}
    return known.__contains__


def _variant(content: JsonObject) -> Variant:
    model_format, precision = content.take("format", str), content.take("precision", str)
    if model_format not in FORMATS:
        raise FileFormatError(
            f"{content.source}: its '{content.place}.format' is none of {', '.join(FORMATS)}; export the model again"
        )
    files = content.within("files")
    if not files.members:
        raise FileFormatError(f"{content.source}: its '{files.place}' has no digests of files; export the model again")
    for name in files.members:
        files.take(name, str)
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise FileFormatError(f"{content.source}: its '{files.place}' names {name}, which lies outside the folder")
    return Variant(model_format, precision, dict(files.members))


def check_files(folder: Path, variant: Variant) -> None:
    """Raise FileFormatError, naming the file, unless a variant's files are those that were exported.

    Of a card that lists no files, the folder that they should be in must be there.
    """
    if not variant.files and not (Path(folder) / variant.name).is_dir():
        raise FileFormatError(
            f"{Path(folder) / variant.name}: no such folder, expected the model that {CARD} beside it describes; "
            "export it again"
        )
    for name, digest in variant.files.items():
        path = Path(folder) / name
        if file_digest(path) != digest:
            raise FileFormatError(f"{path}: is not the file that was exported (its digest differs); export it again")
