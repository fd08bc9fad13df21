"""Finds the assets of the wheel, and writes them to where Grafana or Prometheus look for them.

An exported file carries the version and the hash of what was written. An upgrade replaces an unedited file, and keeps
an edited one.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from hydrochat_otel import __version__
from hydrochat_otel.cli.site_adjustments import NOTHING, Adjustments

_SENTENCE: Final = "exported by hydrochat-otel {version}, sha256 {digest}; replaced by an export unless it was edited"
_STAMP: Final = re.compile(
    rb'^(?:# |  "__hydrochat_otel": ")exported by hydrochat-otel \S+, sha256 (?P<digest>[0-9a-f]{64});.*\n',
    re.MULTILINE,
)


class ExportError(OSError):
    """An asset cannot be written; the message is one readable sentence."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        written: The files that now hold what is shipped.
        kept: The files that were edited and stay unchanged.
    """

    written: list[Path]
    kept: list[Path]


def assets(folder: str) -> list[Traversable]:
    """Return the files of one folder of the assets, by name."""
    found = (one for one in files("hydrochat_otel").joinpath("assets", folder).iterdir() if one.is_file())
    return sorted(found, key=lambda one: one.name)


def export(folder: str, directory: Path, adjustments: Adjustments = NOTHING, *, overwrite: bool = False) -> Exported:
    """Write the files of one folder of the assets.

    Args:
        folder: Below the assets, `dashboards`, `rules` or `registry`.
        directory: Created if missing.
        adjustments: What the site changes in the files.
        overwrite: Replace edited files, too.

    Raises:
        ExportError: The directory cannot be written.
    """
    written, kept = [], []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in _targets(folder, directory, adjustments):
            if not overwrite and path.exists() and is_edited(path.read_bytes(), text):
                kept.append(path)
                continue
            path.write_bytes(stamped(text, path.suffix))
            written.append(path)
    except OSError as error:
        raise ExportError(f"{directory} cannot be written: {error.strerror}.") from None
    return Exported(written, kept)


def differences(folder: str, directory: Path, adjustments: Adjustments = NOTHING) -> str:
    """Return how the files in a directory differ from those of an export, as a unified diff; '' if they do not.

    Raises:
        ExportError: A file cannot be read.
    """
    try:
        return "".join(
            line
            for path, text in _targets(folder, directory, adjustments)
            if path.exists()
            for line in difflib.unified_diff(
                _lines(_body(path.read_bytes())), _lines(text), str(path), f"hydrochat-otel {__version__}"
            )
        )
    except OSError as error:
        raise ExportError(f"{directory} cannot be read: {error.strerror}.") from None


def stamped(text: bytes, suffix: str) -> bytes:
    """Return a shipped file with a line of version and hash: a key in JSON, a comment in YAML; others have none."""
    sentence = _SENTENCE.format(version=__version__, digest=sha256(text).hexdigest())
    if suffix == ".json":
        return b'{\n  "__hydrochat_otel": "' + sentence.encode() + b'",\n' + text[2:]
    return f"# {sentence}\n".encode() + text if suffix in {".yml", ".yaml"} else text


def is_edited(there: bytes, shipped: bytes) -> bool:
    """Return whether a file is neither the shipped one nor one that another version wrote."""
    body = _body(there)
    stamp = _STAMP.search(there)
    return body != shipped and (stamp is None or sha256(body).hexdigest() != stamp["digest"].decode())


def _body(there: bytes) -> bytes:
    return _STAMP.sub(b"", there, count=1)


def _lines(text: bytes) -> list[str]:
    return text.decode(errors="replace").splitlines(keepends=True)


def _targets(folder: str, directory: Path, adjustments: Adjustments) -> Iterator[tuple[Path, bytes]]:
    for one in assets(folder):
        yield directory / one.name, adjustments.applied(one.name, one.read_bytes())
