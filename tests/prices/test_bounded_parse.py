"""Promises of :mod:`hydrochat_otel.prices.bounded_parse`."""

import os
import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from hydrochat_otel.prices.bounded_parse import LARGEST_BYTES, UnusableFileError, read_table, state_of

LONGEST_S = 5.0


def refused(path):
    """Return why a file is refused, after checking that the refusal is quick."""
    began = time.process_time()
    with pytest.raises(UnusableFileError) as caught:
        read_table(path)
    assert time.process_time() - began < LONGEST_S
    return str(caught.value)


def test_a_fifo_does_not_block(tmp_path):
    """Anything other than a regular file is refused without waiting for a writer."""
    path = tmp_path / "prices.toml"
    os.mkfifo(path)
    assert refused(path) == "is not a regular file"
    assert refused(tmp_path / "prices.json") == "cannot be read (No such file or directory)"
    (tmp_path / "folder.json").mkdir()
    assert refused(tmp_path / "folder.json") in {"cannot be read (Is a directory)", "is not a regular file"}


@pytest.mark.parametrize(
    "content",
    [
        "a." * 20_000 + "a = 1",
        "[" + "a." * 20_000 + "a]",
        "x = {" + "a." * 20_000 + "a = 1}",
        ("a." * 60 + "a = 1\n") * 2_000,
        "x = [" + "\n" * 200_000,
        "x = " + "[" * 200_000,
        '"' + "\\u00e9" * 30_000,
        "x = 1e" + "9" * 1_000,
    ],
    ids=lambda content: content[:10],
)
def test_hostile_toml_is_refused_soon(tmp_path, content):
    """Deep, long and quadratic keys cost seconds in Python's parser; here they are refused before it."""
    path = tmp_path / "prices.toml"
    path.write_text(content[:LARGEST_BYTES])
    assert refused(path)


def test_the_largest_file_is_read_soon(tmp_path):
    """A valid file of the largest size is parsed in bounded time."""
    path = tmp_path / "prices.toml"
    line = "x{} = {{input = 0.1, output = 0.3, cached = 0.01}}\n"
    path.write_text("".join(line.format(number) for number in range(5_000))[: LARGEST_BYTES - 100].rsplit("\n", 1)[0])
    began = time.process_time()
    table, _ = read_table(path)
    assert time.process_time() - began < LONGEST_S
    assert len(table) > 4_000


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400) | st.text(alphabet="[]{}\".=,\n#'e-+_0a", max_size=400).map(str.encode))
@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_no_content_raises_anything_else(tmp_path, suffix, content):
    """Any file gives a table or one line that says why not."""
    path = tmp_path / f"prices{suffix}"
    path.write_bytes(content)
    said = []
    try:
        read_table(path)
    except UnusableFileError as error:
        said.append(str(error))
    assert all(sentence.isprintable() for sentence in said)


def test_a_replaced_file_has_another_state(tmp_path):
    """A file of the same size and date that took the place of another is seen."""
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    path.write_text("{}")
    other.write_text("[]")
    os.utime(path, (1, 1))
    os.utime(other, (1, 1))
    before = state_of(path)
    other.replace(path)
    assert state_of(path) != before
    path.unlink()
    assert state_of(path) is None
