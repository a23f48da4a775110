"""JSON in files of ganc with members missing or of other types, and right checksums: refused by name, or meant.

Whoever writes such files by another program makes such mistakes, and no checksum shows them.
"""

import copy
import json
import os
from collections.abc import Iterator

import h5py
import numpy as np
import pytest
from helpers.fuzz_kinds import KINDS
from helpers.support import invoke

from ganc.base.digests import tensors_digest
from ganc.files.tensors import read_any_header, read_arrays, write_tensors

ALL = int(os.environ.get("GANC_FUZZ", "50")) > 50
ABSENT = object()
WRONG = (ABSENT, None, True, -1, 0, 1.5, 10**39, "x", "", [], [1], ["x"], [[1], {}], {}, {"x": 1}, {"x": {"y": []}})


def changes(value: object, *place: object) -> Iterator[tuple[object, ...]]:
    """Yield the place of every member of nested JSON."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        yield (*place, name)
        yield from changes(inner, *place, name)


def changed(value: object, place: tuple, new: object) -> object:
    made = copy.deepcopy(value)
    inside = made
    for name in place[:-1]:
        inside = inside[name]
    if new is ABSENT:
        del inside[place[-1]]
    else:
        inside[place[-1]] = new
    return made


def with_header(path, change):
    header, arrays = read_any_header(path, "any"), read_arrays(path)
    write_tensors(path, change({name: value for name, value in header.items() if name != "checksum"}), arrays)


def with_card(path, change):
    card = change({name: value for name, value in json.loads(path.read_text()).items() if name != "checksum"})
    path.write_text(json.dumps({**card, "checksum": tensors_digest(card, {})}))


def with_statistics(path, change):
    with np.load(path) as archive:
        arrays = dict(archive)
    header = change({name: value for name, value in json.loads(str(arrays["ganc"])).items() if name != "checksum"})
    with path.open("wb") as file:
        np.savez(file, **arrays | {"ganc": np.array(json.dumps(header))})


def with_attributes(path, change):
    """Of version 1, which has no checksum."""
    with h5py.File(path, "r+") as file:
        del file.attrs["checksum"]
        file.attrs["version"] = 1
        groups = {"root": file.attrs, "subnets": file["subnets"].attrs}
        found = {name: {key: plain(value) for key, value in group.items()} for name, group in groups.items()}
        for name, values in change(found).items():
            for key in list(groups[name]):
                del groups[name][key]
            for key, value in values.items():
                groups[name][key] = value if isinstance(value, str | int) else json.dumps(value)


def plain(value):
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def with_lines(path, change):
    """Of version 1, which has no checksums."""
    lines = [json.loads(line) for line in path.read_text().splitlines()][:3]
    for line in lines:
        del line["crc"]
    lines[0]["version"] = 1
    path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))


CHANGED = {
    "checkpoint": with_header,
    "state": with_header,
    "card": with_card,
    "statistics": with_statistics,
    "results": with_attributes,
    "journal": with_lines,
    "latencies": with_lines,
}
STRIDES = {"results": 41}  # a process reads each


def seen(tell, path):
    """Return what of a file a change is made of."""
    found = []
    tell(path, lambda value: found.append(copy.deepcopy(value)) or value)
    return found[0]


@pytest.mark.parametrize("name", CHANGED)
def test_members_of_other_types_are_refused_by_name_or_meant(name, tmp_path):
    kind, tell = KINDS[name], CHANGED[name]
    made = tmp_path / "made"
    made.mkdir()
    kind.make(made)
    path = made / kind.file
    whole = path.read_bytes()
    value = seen(tell, path)
    number = 0
    for place in changes(value):
        for new in WRONG:
            number += 1
            if number % (1 if ALL else STRIDES.get(name, 13)):
                continue
            path.write_bytes(whole)
            try:
                tell(path, lambda value, place=place, new=new: changed(value, place, new))
            except (AttributeError, KeyError, TypeError, ValueError):  # nothing writes that
                continue
            told = (place, "absent" if new is ABSENT else new)
            inspect(made if name == "card" else path.parent if name == "state" else path, told)


def inspect(path, told):
    for options in ((), ("--json",), ("--verify",)):
        done = invoke("ganc", "inspect", path, *options)
        assert done.exit_code in (0, 1), (told, done.output)
        assert "unexpected" not in done.output, (told, done.output)
        assert isinstance(done.exception, SystemExit | None), (told, done.exception)
