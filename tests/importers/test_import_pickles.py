"""Pickles of strangers: nothing in them is ever called, and little data cannot be made much."""

import codecs
import os
import pickle
import pickletools
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.foreign_files import in_legacy, in_zip, refusal


class Calls:
    """An object whose pickle calls something when Python reads it."""

    def __init__(self, called, *arguments):
        self.called, self.arguments = called, arguments

    def __reduce__(self):
        return self.called, self.arguments


WRAPPERS = {"plain": lambda pickled: pickled, "zip": in_zip, "legacy": in_legacy}


@pytest.mark.parametrize("wrapped", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_nothing_is_called(tmp_path, monkeypatch, wrapped, protocol):
    monkeypatch.chdir(tmp_path)
    evil = [
        (os.system, "touch executed"),
        (eval, "open('executed', 'w')"),
        (exec, "open('executed', 'w')"),
        (getattr, Path("executed"), "touch"),
        (open, "executed", "w"),
        (__import__, "executed"),
        (codecs.lookup, "executed"),
    ]
    (tmp_path / "executed.py").write_text("open('executed', 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    for called, *arguments in evil:
        for tree in (Calls(called, *arguments), {"model.1.weight": Calls(called, *arguments)}):
            message = refusal(wrapped(pickle.dumps(tree, protocol=protocol)), tmp_path)
            assert "refers to" in message
            assert "state dict" in message
            assert called.__name__ in message or "getattr" in message or "pathlib" in message
    assert not (tmp_path / "executed").exists()
    assert "executed" not in sys.modules


GLOBAL = b"cos\nsystem\n"


WORDS = {  # pickles that only a hand makes, each with a word of its refusal
    "instance": (b"(S'touch executed'\nios\nsystem\n.", "INST"),
    "object": (b"(" + GLOBAL + b"S'touch executed'\no.", "refers to os.system"),
    "new object": (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
    "a name of pieces": (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "refers to os.system"),
    "an attribute": (b"\x80\x04\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93.", "OrderedDict.__class__"),
    "an extension": (b"\x80\x02\x82\x01.", "EXT1"),
    "a state for a name": (b"\x80\x02cnumpy\nndarray\n}b.", "gives a state"),
    "a state for a list": (b"\x80\x02]}b.", "gives a state"),
    "a call of a value": (b"\x80\x02K\x01)R.", "damaged"),
    "a call of what may not be called": (b"\x80\x02cnumpy\nndarray\n)R.", "calls numpy.ndarray"),
    "an array of objects": (pickle.dumps({"a": np.array([{}], object)}, 2), "Python objects"),
    "an array of texts": (pickle.dumps({"a": np.array(["x"])}, 2), "type U1"),
    "an array of big-endian numbers": (pickle.dumps({"a": np.arange(3, dtype=">f4")}, 2), "little-endian"),
    "a record": (pickle.dumps({"a": np.zeros(2, [("x", "f4")])}, 2), "type V4"),
    "a tuple as key": (pickle.dumps({(1, 2): 3}, 2), "no tensors"),
    "a set": (pickle.dumps({1, 2}, 4), "holds another object"),
    "no dict": (pickle.dumps([1, 2], 2), "holds a list"),
    "no tensors": (pickle.dumps({"epoch": 3, "nested": {"x": "y"}}, 2), "no tensors"),
    "a text as persistent id": (b"\x80\x02Pid\n.", "PERSID"),
    "an encoding": (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00ax\x06\x00\x00\x00base64\x86R.", "damaged"),
    "another encoding": (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00hex\x86R.", "encoding hex"),
    "a huge memo": (b"\x80\x02K\x01r\xff\xff\xff\xff0.", "POP"),
    "a huge array of bytes": (b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"x.", "damaged"),
    "a huge text": (b"\x80\x02X\xff\xff\xff\xffx.", "damaged"),
    "a huge number": (b"\x80\x02\x8b\xff\xff\xff\x7fx.", "damaged"),
    "an empty stack": (b"\x80\x02.", "damaged"),
    "no end": (b"\x80\x02}", "damaged"),
}


@pytest.mark.parametrize(("pickled", "words"), WORDS.values(), ids=WORDS)
def test_every_trick_of_a_pickle_is_refused(tmp_path, monkeypatch, pickled, words):
    monkeypatch.chdir(tmp_path)
    assert words in refusal(pickled, tmp_path)
    assert words in refusal(in_zip(pickled), tmp_path) or words == "holds a list"
    assert not (tmp_path / "executed").exists()


def test_what_is_quoted_of_a_file_can_be_shown(tmp_path):
    name = b"\x80\x04\x8c\x02os\x8c\x0aa\n\x1b[31m\xed\xa0\x80\x93."
    assert "os.a??[31m?," in refusal(name, tmp_path)


def test_deep_nesting_and_loops_end(tmp_path):
    deep = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    assert "holds a list" in refusal(deep, tmp_path)
    assert "no tensors" in refusal(b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s.", tmp_path)
    loop: dict = {}
    loop["self"] = loop
    assert "no tensors" in refusal(pickle.dumps(loop, 2), tmp_path)


def test_little_data_cannot_be_made_much(tmp_path):
    text = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000
    head = b"\x80\x02](c_codecs\nencode\nq\x01" + text + b"q\x02"
    again = b"h\x01h\x02\x85R" * 100_000
    assert "again and again" in refusal(head + again + b"e.", tmp_path)
    pairs = b"(" + b"".join(b"M" + struct.pack("<H", key) + b"N\x86" for key in range(10_000)) + b"t"
    head = b"\x80\x02](ccollections\nOrderedDict\nq\x01" + pairs + b"q\x02"
    assert "again and again" in refusal(head + b"h\x01h\x02\x85R" * 10_000 + b"e.", tmp_path)
    many = dict.fromkeys(map(str, range(1000)), 3)
    assert "under many names" in refusal(pickle.dumps(dict.fromkeys(range(1000), many), 2), tmp_path)
    large = dict.fromkeys(map(str, range(1000)), np.zeros(100_000))
    assert "under many names" in refusal(pickle.dumps(large, 2), tmp_path)
    assert "more than 2,000,000 instructions" in refusal(b"\x80\x02" + b"N" * 2_000_001 + b".", tmp_path)


def test_the_pickles_of_this_file_are_what_they_claim():
    """The hand-made ones are whole pickles, so that they are refused for what they do and not for being broken."""
    for name, (pickled, words) in WORDS.items():
        if words != "damaged":
            assert [opcode.name for opcode, _, _ in pickletools.genops(pickled)][-1] == "STOP", name
