"""The model card: the JSON file that an exported folder carries and is recognised by."""

import json
from collections.abc import Mapping
from pathlib import Path

from ganc.errors import FileFormatError

CARD = "model.json"
FORMAT = "ganc-model"
VERSION = 1


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
    if card.get("version") != VERSION:
        raise FileFormatError(
            f"{path}: model card version {card.get('version')}, this ganc reads version {VERSION}; update ganc"
        )
    if missing := sorted({"direction", "generator", "image_size"} - card.keys()):
        raise FileFormatError(f"{path}: lacks {', '.join(missing)}; export the model again")
    return card
