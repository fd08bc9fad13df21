"""Reads the pages of the documentation and the README for the tests."""

import re
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).parents[2]
README = SOURCE / "README.md"
DOCS = SOURCE / "docs"
PAGES = sorted([README, *DOCS.rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page; `file` is the name that its first line gives it, or None."""

    language: str
    text: str
    file: str | None


def read(page):
    """Return the text of a page, given by its path or by its name below docs/."""
    return (DOCS / page).read_text(encoding="utf-8")


def page_id(page):
    """Return the page's path in the source tree, for the names of tests."""
    return page.relative_to(SOURCE).as_posix()


def blocks(page, *languages):
    """Return the page's fenced blocks in these languages, in order; all blocks without a language."""
    found = []
    for language, text in _FENCE.findall(read(page)):
        first = re.match(r"# (\w+\.py)\n", text)
        found.append(Block(language, text, first and first[1]))
    return [block for block in found if not languages or block.language in languages]


def table(page, first_column):
    """Return the rows of the table whose first heading is the given one, as lists of cells."""
    match = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n)+)", read(page), re.MULTILINE)
    assert match, f"{page} has no table whose first column is {first_column!r}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in match[1].splitlines()]
