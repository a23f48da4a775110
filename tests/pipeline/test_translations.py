"""The Chinese texts have what the English ones have: headings, code, tables with their numbers, links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAIRS = [
    (ROOT / "README.md", ROOT / "README.zh-CN.md"),
    *((page.with_name(page.name.replace(".zh.md", ".md")), page) for page in sorted(ROOT.glob("docs/*.zh.md"))),
]
ALL = pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=lambda page: page.name)
LONGEST_README = 150


def parts(page: Path) -> tuple[list[str], str]:
    """Return the code blocks of a page without their comments, and its text without them."""
    content = page.read_text(encoding="utf-8")
    found = re.findall(r"^```.*?^```", content, re.MULTILINE | re.DOTALL)
    code = ["\n".join(re.sub(r"\s*# .*$", "", line) for line in block.splitlines()) for block in found]
    return code, re.sub(r"^```.*?^```", "", content, flags=re.MULTILINE | re.DOTALL)


def what_does_not_change(text: str) -> list[str]:
    """Return the code and the numbers of a cell, whatever the order of the sentence around them."""
    code = re.findall(r"`[^`]+`", text)
    return sorted(code + re.findall(r"\d+(?:[,._]\d+)*", re.sub(r"`[^`]+`|\([^)]*\)|（[^）]*）", "", text)))


def rows(text: str) -> list[list[list[str]]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[what_does_not_change(cell) for cell in line.strip("|").split("|")] for line in lines]


def links(text: str) -> list[str]:
    """Return where a text leads; an English page and its Chinese one count as the same."""
    targets = [
        target.replace(".zh-CN.md", ".md").replace(".zh.md", ".md") for target in re.findall(r"\]\((\S+?)\)", text)
    ]
    return sorted(target for target in targets if target != "README.md")


def test_the_pages_that_should_have_a_chinese_text_have_one():
    names = {english.name for english, _ in PAIRS}
    assert {"README.md", "index.md", "method.md", "your-own-generator.md"} <= names


@ALL
def test_headings_code_tables_and_links_are_those_of_the_english_page(english, chinese):
    code, text = parts(english)
    translated_code, translated = parts(chinese)
    assert re.findall(r"^#+", translated, re.MULTILINE) == re.findall(r"^#+", text, re.MULTILINE)
    assert translated_code == code
    assert rows(translated) == rows(text)
    assert links(translated) == links(text)
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"\[中文\]|模型体积", "", text))


@pytest.mark.parametrize("page", PAIRS[0], ids=lambda page: page.name)
def test_a_readme_is_read_in_one_go(page):
    assert len(page.read_text(encoding="utf-8").splitlines()) <= LONGEST_README
