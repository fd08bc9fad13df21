"""The words of the glossary: the ones that it retired do not return."""

import re

import pytest
from documentation import pages

ROOMS = ("hydrochat_otel", "tests", "docs")
KINDS = {".py", ".md", ".lua", ".toml", ".js"}
MADE = {"__pycache__", "node_modules", "dist"}
RETIRED = re.compile(
    r"\b(?:he|him|his|who(?:m|ever)?|nobody\w*|somebody\w*|told|knows|picture\w*|seams?|tombstones?|anew)\b",
    re.IGNORECASE,
)
ALLOWED = {
    "uplot": "the vendored chart library",
    "SEAM": "the label of `hydrochat.telemetry.errors`, kept as it was published",
    "hydrochat.seam": "the same",
    "hydrochat_seam": "the same",
    "cannot be told": "a part of a prompt: another wording would change the answers of the model",
    "Who are all patients?": "a message of a nurse",
    "test_words.py": "this test",
}


def files():
    """Return every text of the project: the rooms, and the files beside them."""
    found = [path for room in ROOMS for path in (pages.SOURCE / room).rglob("*") if not MADE & set(path.parts)]
    return sorted(path for path in (*found, *pages.SOURCE.glob("*")) if path.suffix in KINDS and path.is_file())


def retired(path):
    """Return the lines of the file with a retired word, except allowed ones."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        f"{path.relative_to(pages.SOURCE)}:{number}: {line.strip()[:120]}"
        for number, line in enumerate(lines, 1)
        if RETIRED.search(line) and not any(word in f"{path.name} {line}" for word in ALLOWED)
    ]


def test_retired_words_do_not_return():
    """No file of the project uses a word that the glossary retired, except the allowed lines, each with a reason."""
    found = files()
    assert len(found) > 100
    assert [line for path in found for line in retired(path)] == []


@pytest.mark.parametrize("text", ["Whoever asks is told.", "He knows it.", "The pictures of the fleet."])
def test_a_retired_word_is_noticed(tmp_path, monkeypatch, text):
    """A file with a retired word is reported with its line, so that the test above can fail."""
    monkeypatch.setattr(pages, "SOURCE", tmp_path)
    (tmp_path / "page.md").write_text(f"# Title\n\n{text}\n")
    assert retired(tmp_path / "page.md") == [f"page.md:3: {text}"]
