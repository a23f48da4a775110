"""Reading JSON of strangers: what is no JSON, too deep, or of another type is refused with file and member."""

import json

import pytest

from ganc.base.errors import FileFormatError
from ganc.base.json_text import MAX_DEPTH, JsonObject, parse_json, read_json


def refusal(action):
    with pytest.raises(FileFormatError) as caught:
        action()
    message = str(caught.value)
    assert message.startswith("FILE: ")
    assert "\n" not in message
    assert len(message) < 300
    return message


def test_values_come_back(tmp_path):
    value = {"a": [1, -2.5, 10**20, None, True, "馬"], "b": {"c": []}}
    assert parse_json(json.dumps(value), "FILE") == value
    (tmp_path / "file").write_text(json.dumps(value), encoding="utf-8")
    assert read_json(tmp_path / "file", "a card") == value
    with pytest.raises(FileFormatError, match=r"absent: .*a card"):
        read_json(tmp_path / "absent", "a card")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "NaN",
        '{"a": Infinity}',
        "-Infinity",
        "1e999",
        "9" * 5000,
        '"\\ud800',
        "\x00",
        b"\xff\xfe\xff",
        "1 2",
    ],
)
def test_what_is_no_json_is_refused(text):
    assert "its metadata" in refusal(lambda: parse_json(text, "FILE", "its metadata"))


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000, 2_000_000])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_json_that_is_nested_too_deeply_is_refused(depth, opened, closed):
    assert "nested" in refusal(lambda: parse_json(opened * depth + "1" + closed * depth, "FILE"))


def test_json_may_be_nested():
    parse_json("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), "FILE")


def test_members_are_taken_by_type():
    content = JsonObject.of(
        json.loads('{"n": 3, "x": 0.5, "t": "x", "b": true, "o": {"n": 1}, "l": [], "z": null}'), "FILE"
    )
    assert content.take("n", int) == content.take("n", float) == 3
    assert content.take("b", bool) is True
    assert content.within("o").take("n", int) == 1
    assert content.take("absent", int, 7) == content.take("z", int, 7) == 7
    for name, kind, words in (
        ("absent", int, "'absent'"),
        ("z", int, "'z' is null"),
        ("b", int, "'b' is True"),
        ("n", bool, "'n' is 3"),
        ("x", int, "'x' is 0.5"),
        ("t", float, "'t'"),
        ("l", dict, "'l' is a list"),
        ("o", str, "'o' is an object"),
    ):
        assert words in refusal(lambda name=name, kind=kind: content.take(name, kind))
    assert "'o.n' is 1" in refusal(lambda: content.within("o").take("n", str))
    assert "'o.m'" in refusal(lambda: content.within("o").take("m", str))
    assert "a list" in refusal(lambda: JsonObject.of([], "FILE"))


@pytest.mark.parametrize("version", [3, 0, None, "1", True, 1.0, [1]])
def test_another_version_is_refused(version):
    content = JsonObject("FILE", {"format": "kind", "version": version})
    message = refusal(lambda: content.require_format("kind", (1, 2), "make it again"))
    assert ("make it again" if version == 0 else "update ganc") in message


@pytest.mark.parametrize("name", ["other", None, 3, {"a": 1}, "x" * 1000, "\x1b[31m"])
def test_another_format_is_refused(name):
    message = refusal(lambda: JsonObject("FILE", {"format": name, "version": 1}).require_format("kind", (1,)))
    assert "kind" in message
    assert message.isprintable()
