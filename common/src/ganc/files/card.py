"""The model card: the JSON file that an exported folder carries and is recognised by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.errors import FileFormatError

CARD = "model.json"
CHECKPOINT = "generator.safetensors"  # the generator alone, beside the card
FORMAT = "ganc-model"
VERSION = 2
READABLE = (1, 2)  # version 1 had the one form that it does not list, a Paddle inference model in f32


@dataclass(frozen=True)
class Form:
    """One of the models in an exported folder.

    Attributes:
        format: "paddle", "onnx" or "openvino".
        precision: "f32", "f16", "bf16" or "int8".
        files: SHA-256 of each of its files, by path below the folder; empty where a card does not say.
    """

    format: str
    precision: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The path that stands for the form: its folder's in Paddle's case, else that of its graph."""
        if self.format == "paddle":
            return form_path(self.format, self.precision).rpartition("/")[0]
        return form_path(self.format, self.precision)


def form_path(model_format: str, precision: str) -> str:
    """Return where a form's graph stands below its folder; Paddle's parts have suffixes of their own."""
    suffix = {"onnx": ".onnx", "openvino": ".xml"}.get(model_format, "")
    return f"{model_format}/generator{'' if precision == 'f32' else '.' + precision}{suffix}"


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


def card_forms(folder: Path, card: Mapping) -> tuple[Form, ...]:
    """Return the forms that a card lists.

    Raises:
        FileFormatError: the list is damaged.
    """
    if card["version"] == 1:
        return (Form("paddle", "f32"),)
    try:
        return tuple(Form(one["format"], one["precision"], dict(one["files"])) for one in card["forms"])
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"{Path(folder) / CARD}: its list of forms is damaged; export the model again") from error


def check_files(folder: Path, form: Form) -> None:
    """Raise FileFormatError, naming the file, unless a form's files are those that were exported."""
    for name, digest in form.files.items():
        path = Path(folder) / name
        if not path.is_file():
            raise FileFormatError(f"{path}: is missing; export the model again")
        if file_digest(path) != digest:
            raise FileFormatError(f"{path}: is not the file that was exported (its digest differs); export it again")
