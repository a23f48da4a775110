"""Checking that a file holds what was written, and that given files are those it was made from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganc.base.errors import FileFormatError, StatisticsError
from ganc.base.json_text import JsonObject
from ganc.base.reading import sha256_of
from ganc.files.card import CARD, CHECKPOINT, README, card_variants, check_files, file_digest, read_card
from ganc.files.checkpoint import read_checkpoint
from ganc.files.run_directory import STATE_FILE
from ganc.files.tensors import has_checksum
from ganc.report.describe import describe


@dataclass(frozen=True)
class Checked:
    """A file that was read whole without finding anything wrong.

    Attributes:
        kind: what it is, such as "ganc-checkpoint".
        proven: whether it holds checksums of its content; older versions have none, so that a change can stay unseen.
        digest: its content digest; that of its bytes for a file of another program.
        sources: digests of what it was made from, by role.
        further: digests of what it was measured with, by role: such files may be computed again and are often not kept.
        facts: what else it says of itself, as `describe` has it.
    """

    path: Path
    kind: str
    digest: str
    sources: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    proven: bool = True
    facts: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """What one file was made from: another of the given ones, or none of them."""

    of: Path
    role: str
    digest: str
    ancestor: Path | None


def check_file(path: Path) -> Checked:
    """Read all of a file or exported folder and check it.

    Raises:
        FileFormatError: it is damaged or none of ganc's; what is wrong is named.
        StatisticsError: its numbers are not finite.
    """
    path = Path(path)
    folder = path.parent if path.name == CARD else path
    if folder.is_dir() and (folder / CARD).exists():
        return _exported(folder)
    try:
        described = describe(path)
    except StatisticsError as error:
        raise FileFormatError(str(error)) from error
    kind = described.get("format", "ganc-statistics")
    if kind == "ganc-checkpoint":
        metric = described["training"].get("metric") or {}
        further = {"statistics": metric["statistics"]} if "statistics" in metric else {}
        return Checked(path, kind, described["digest"], described["sources"], further, has_checksum(path), described)
    if "supernet_digest" in described:
        further = {"statistics": described["statistics_digest"]}
        sources = {"supernet": described["supernet_digest"]}
        return Checked(path, kind, described["digest"], sources, further, described["has_checksum"], described)
    proven = kind == "ganc-statistics" or has_checksum(path / STATE_FILE if path.is_dir() else path)
    return Checked(path, kind, described.get("digest") or _bytes_digest(path), proven=proven, facts=described)


def _exported(folder: Path) -> Checked:
    card = JsonObject(folder / CARD, read_card(folder))
    variants = card_variants(folder, card.members)
    for variant in variants:
        check_files(folder, variant)
    checkpoint = folder / CHECKPOINT
    files = card.within("files", {})
    for name in (CHECKPOINT, *([README] if README in files.members else [])):  # older folders have no README.md
        if (found := file_digest(folder / name)) != files.take(name, str, found):
            raise FileFormatError(
                f"{folder / name}: is not the file that was exported (its digest differs); export it again"
            )
    digest = read_checkpoint(checkpoint).digest
    if card.take("digest", str, digest) != digest:
        raise FileFormatError(f"{card.source}: its 'digest' is not that of {CHECKPOINT}; export the model again")
    sources = card.within("sources", {})
    roles = {role: sources.take(role, str) for role in sources.members}
    proven = (CHECKPOINT in files.members or has_checksum(checkpoint)) and all(variant.files for variant in variants)
    return Checked(folder, "ganc-model", digest, roles, proven=proven, facts=card.members)


def _bytes_digest(path: Path) -> str:
    return sha256_of(path / STATE_FILE if path.is_dir() else path, "a file")


def check_files_together(path: Path, others: Sequence[Path]) -> list[Checked]:
    """Check a file, and others that it was made from; those may be another program's, which `ganc import` read.

    Raises:
        FileFormatError: as `check_file`, of the first file that is not sound.
    """
    checked, refused = [check_file(path)], {}
    for other in others:
        try:
            checked.append(check_file(other))
        except FileFormatError as error:
            refused[Path(other)] = error
    named = {digest for one in checked for digest in one.sources.values()}
    for other, refusal in refused.items():
        if other.is_dir() or (digest := _bytes_digest(other)) not in named:
            raise refusal
        checked.append(Checked(other, "a file of another program", digest))
    return checked


def trace(file: Checked, others: Sequence[Checked]) -> list[Link]:
    """Return what a file was made from, and what that was made from, as far as the other files tell.

    Raises:
        FileFormatError: one of the others is no ancestor of the file; it is named.
    """
    links = list(dict.fromkeys(_links(file, {other.digest: other for other in others}, set())))
    reached = {link.ancestor for link in links}
    for other in others:
        if other.path not in reached and other.digest != file.digest:
            raise FileFormatError(
                f"{other.path}: {file.path} was not made from it (its digest {other.digest[:16]} is named nowhere)"
            )
    return links


def _links(file: Checked, others: Mapping[str, Checked], seen: set[str]) -> Iterator[Link]:
    if file.digest in seen:
        return
    seen.add(file.digest)
    for role, digest in file.sources.items():
        found = others.get(digest)
        yield Link(file.path, role, digest, found.path if found else None)
        if found:
            yield from _links(found, others, seen)
    for role, digest in file.further.items():
        if digest in others:
            yield Link(file.path, role, digest, others[digest].path)
