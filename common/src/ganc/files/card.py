"""The model card: the JSON file that an exported folder carries and is recognised by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.engine_table import FORMATS
from ganc.base.errors import FileFormatError

CARD = "model.json"
CHECKPOINT = "generator.safetensors"  # the generator alone, beside the card
FORMAT = "ganc-model"
VERSION = 2
READABLE = (1, 2)  # version 1 had one variant and did not list it: a Paddle inference model in f32


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
        """The path that stands for the variant: that of its graph, or its folder where the format names the files."""
        return self.path if FORMATS[self.format].suffix else self.format


def file_digest(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(folder: Path, content: Mapping) -> None:
    """Write the card into a folder that is being made."""
    card = {"format": FORMAT, "version": VERSION, **content}
    (folder / CARD).write_text(json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def read_card(folder: Path) -> dict:
    """Read the card of an exported folder.

    Raises:
        FileFormatError: there is none, or it is of another kind or version.
    """
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FileFormatError(f"{folder}: no {CARD} in it, expected a folder that ganc-export wrote") from error
    except ValueError as error:
        raise FileFormatError(f"{path}: is damaged; export the model again") from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FileFormatError(f"{path}: is no model card of ganc; expected a folder that ganc-export wrote")
    if card.get("version") not in READABLE:
        raise FileFormatError(
            f"{path}: model card version {card.get('version')}, this ganc reads version {VERSION}; update ganc"
        )
    needed = {"direction", "generator", "image_size"} | ({"forms", "input"} if card["version"] > 1 else set())
    if missing := sorted(needed - card.keys()):
        raise FileFormatError(f"{path}: lacks {', '.join(missing)}; export the model again")
    return card


def card_variants(folder: Path, card: Mapping) -> tuple[Variant, ...]:
    """Return the variants that a card lists, in its member `forms`.

    Raises:
        FileFormatError: the list is damaged.
    """
    if card["version"] == 1:
        return (Variant("paddle", "f32"),)
    try:
        return tuple(Variant(one["format"], one["precision"], dict(one["files"])) for one in card["forms"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{Path(folder) / CARD}: its list of variants is damaged; export the model again"
        ) from error


def check_files(folder: Path, variant: Variant) -> None:
    """Raise FileFormatError, naming the file, unless a variant's files are those that were exported."""
    for name, digest in variant.files.items():
        path = Path(folder) / name
        if not path.is_file():
            raise FileFormatError(f"{path}: is missing; export the model again")
        if file_digest(path) != digest:
            raise FileFormatError(f"{path}: is not the file that was exported (its digest differs); export it again")
