"""Damaged files: changes of a file's bytes that are drawn by number, so that each can be made again."""

import re
from collections.abc import Callable

import numpy as np

from ganc.base.rng import keyed_generator

NUMBERS = (0, 1, -1, 0x7F, 0x7FFF, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1)
TEXTS = (
    *(b"NaN", b"-Infinity", b"1e999", b"-1", b"1.5", b"null", b"true", b'""', b"{}", b"[]", b'"x"', b"\xff\xfe"),
    *(b"9" * 25, b"9" * 5000, b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000 + b"1" + b"}" * 3000),
)
EDGE = 2048  # bytes at both ends, which say more than the rest


def mutated(content: bytes, name: str, number: int) -> bytes:
    """Return the bytes of a file, damaged in one to three places; equal arguments give equal damage."""
    draw = keyed_generator(0, f"fuzz/{name}", number)
    data = bytearray(content)
    for _ in range(1 + int(draw.integers(3))):
        CHANGES[int(draw.integers(len(CHANGES)))](data, draw)
    return bytes(data)


def _place(data: bytearray, draw: np.random.Generator) -> int:
    low, high = 0, max(1, len(data))
    where = draw.integers(4)
    if where == 0:
        high = min(high, EDGE)
    elif where == 1:
        low = max(0, high - EDGE)
    return int(draw.integers(low, high))


def _range(data: bytearray, draw: np.random.Generator) -> slice:
    start = _place(data, draw)
    return slice(start, start + 1 + int(draw.integers(64)))


def _flip(data: bytearray, draw: np.random.Generator) -> None:
    if data:
        data[_place(data, draw)] ^= 1 << int(draw.integers(8))


def _overwrite(data: bytearray, draw: np.random.Generator) -> None:
    place, new = _place(data, draw), draw.bytes(1 + int(draw.integers(8)))
    data[place : place + len(new)] = new


def _number(data: bytearray, draw: np.random.Generator) -> None:
    size, value = int(draw.choice([1, 2, 4, 8])), NUMBERS[int(draw.integers(len(NUMBERS)))]
    place = _place(data, draw) // size * size
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(size, "little")


def _cut_off(data: bytearray, draw: np.random.Generator) -> None:
    del data[_place(data, draw) :]


def _remove(data: bytearray, draw: np.random.Generator) -> None:
    del data[_range(data, draw)]


def _insert(data: bytearray, draw: np.random.Generator) -> None:
    place = _place(data, draw)
    data[place:place] = draw.bytes(1 + int(draw.integers(64)))


def _repeat(data: bytearray, draw: np.random.Generator) -> None:
    place = _place(data, draw)
    data[place:place] = data[_range(data, draw)]


def _clear(data: bytearray, draw: np.random.Generator) -> None:
    part = _range(data, draw)
    data[part] = bytes(len(data[part]))


def _value(data: bytearray, draw: np.random.Generator) -> None:
    """Replace a number or a quoted text by something else, where there are any."""
    found = list(re.finditer(rb'"[^"]{0,80}"|-?[0-9][0-9.e+-]*', bytes(data[: 1 << 16])))
    if found:
        start, end = found[int(draw.integers(len(found)))].span()
        data[start:end] = TEXTS[int(draw.integers(len(TEXTS)))]


CHANGES: tuple[Callable[[bytearray, np.random.Generator], None], ...] = (
    *(_flip, _overwrite, _number, _cut_off, _remove, _insert, _repeat, _clear, _value),
)
