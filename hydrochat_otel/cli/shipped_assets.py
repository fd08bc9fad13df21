"""The assets that the wheel carries: found, and written where Grafana or Prometheus look for them."""

from collections.abc import Iterable
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path


class ExportError(OSError):
    """An asset cannot be written; the message is one sentence for people."""


def assets(folder: str) -> list[Traversable]:
    """Return the files of one folder of the assets, by name."""
    found = (one for one in files("hydrochat_otel").joinpath("assets", folder).iterdir() if one.is_file())
    return sorted(found, key=lambda one: one.name)


def export(folder: str, directory: Path, *, overwrite: bool = False) -> list[Path]:
    """Write the files of one folder of the assets and return where they are.

    Nothing is written when a file is in the way: an exported rule may have been edited.

    Args:
        folder: Below the assets, `dashboards` or `rules`.
        directory: Made if it is not there.
        overwrite: Write over files that differ.

    Raises:
        ExportError: A file that differs is in the way, or the directory cannot be written.
    """
    texts = {directory / one.name: one.read_bytes() for one in assets(folder)}
    try:
        changed = _differing(texts)
        if overwrite or not changed:
            directory.mkdir(parents=True, exist_ok=True)
            for path, text in texts.items():
                path.write_bytes(text)
            return list(texts)
    except OSError as error:
        raise ExportError(f"{directory} cannot be written: {error.strerror}.") from None
    names = ", ".join(sorted(path.name for path in changed))
    raise ExportError(f"{directory} has another {names}; use --force to write over it.")


def _differing(texts: dict[Path, bytes]) -> list[Path]:
    there: Iterable[Path] = (path for path in texts if path.exists())
    return [path for path in there if path.read_bytes() != texts[path]]
