"""Reading an HTML page strictly, as a test looks at it."""

import itertools
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass(eq=False)
class Element:
    """An element of a page: its name, attributes, what it is in, and all text directly in it."""

    tag: str
    attributes: dict[str, str]
    parents: tuple["Element", ...]
    texts: list[str] = field(default_factory=list)

    def inside(self, tag: str, **attributes: str) -> bool:
        return any(one.tag == tag and attributes.items() <= one.attributes.items() for one in self.parents)


class Page(HTMLParser):
    """A page as a list of elements in their order.

    Raises:
        AssertionError: an element is not closed, or closed where it is not the innermost one.
    """

    def __init__(self, path: Path):
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        self.close()
        assert not self._open, f"not closed: {[one.tag for one in self._open]}"

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        element = Element(tag, {name: value or "" for name, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data):
        if self._open:
            self._open[-1].texts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [one for one in self.elements if one.tag == tag and attributes.items() <= one.attributes.items()]

    def text_of(self, element: Element) -> str:
        """Return an element's text with that of all elements in it."""
        within = [one for one in self.elements if one is element or element in one.parents]
        return " ".join(" ".join(text for one in within for text in one.texts).split())

    def data(self, name: str):
        """Return the JSON data of a chart."""
        (script,) = self.all("script", id=f"data-{name}")
        return json.loads("".join(script.texts))


def require_sound(page: Page) -> None:
    """Assert what holds for every report: it stands alone, runs nothing, and can be read without seeing it."""
    ids = [one.attributes["id"] for one in page.elements if "id" in one.attributes]
    assert len(ids) == len(set(ids)), sorted(name for name in ids if ids.count(name) > 1)
    for one in page.elements:
        assert not [name for name in one.attributes if name.startswith("on") or name == "style"], one
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            target = one.attributes.get(name)
            assert target is None or target.startswith("data:image/webp;base64,") or target[1:] in ids, target[:80]
    assert all(one.attributes.get("type") == "application/json" for one in page.all("script"))
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {one.tag for one in page.elements}
    (policy,) = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "url(" not in "".join(page.all("style")[0].texts)
    _require_readable(page)


def _require_readable(page: Page) -> None:
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    assert len(page.all("h1")) == len(page.all("main")) == 1
    levels = [int(one.tag[1]) for one in page.elements if one.tag in ("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert all(one.attributes["alt"] for one in page.all("img"))
    for link in page.all("a"):
        assert page.text_of(link) or [one for one in page.all("img") if link in one.parents], link.attributes
    tables, captions = page.all("table"), page.all("caption")
    assert len(tables) == len(captions)
    for chart in page.all("figure", **{"class": "chart"}):
        within = [one for one in page.elements if chart in one.parents]
        assert [one for one in within if one.tag == "table"], page.text_of(chart)[:80]
        drawings = [one for one in within if one.tag == "svg" and "drawing" in one.attributes["class"]]
        assert len(drawings) == 2
        assert all(one.attributes["role"] == "img" and one.attributes["aria-label"] for one in drawings)
        assert [one for one in within if one.tag == "script"]
