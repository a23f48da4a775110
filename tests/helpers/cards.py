"""Model cards of other content, with a checksum that is right: as another program, or an older ganc, writes them."""

import json
from collections.abc import Iterable
from pathlib import Path

from ganc.base.digests import tensors_digest
from ganc.files.card import CARD, CHECKSUM, VERSION


def change_card(folder: Path, without: Iterable[str] = (), **changes: object) -> None:
    """Rewrite the card of an exported folder; one of an older version has no checksum."""
    path = Path(folder) / CARD
    card = json.loads(path.read_text(encoding="utf-8")) | changes
    card = {name: value for name, value in card.items() if name not in {CHECKSUM, *without}}
    signed = {CHECKSUM: tensors_digest(card, {})} if card["version"] >= VERSION else {}
    path.write_text(json.dumps(card | signed), encoding="utf-8")
