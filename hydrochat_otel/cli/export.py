"""``hydrochat-otel export``: prints another process's export as tables or as JSON."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import click
import orjson
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hydrochat_otel import web
from hydrochat_otel.cli import export_tables
from hydrochat_otel.cli.exit_codes import MistakeError, NegativeError
from hydrochat_otel.prices.day_ledger import zone_of
from hydrochat_otel.reporting import periods
from hydrochat_otel.runtime.deadline_fetch import FetchError, fetch
from hydrochat_otel.settings import Settings, SettingsError
from hydrochat_otel.views import formats

_DEADLINE_S: Final = 10.0
_MAX_BYTES: Final = 32_000_000
MOST_ENTRIES: Final = 1000
"""Entries that the tables of operations and models are made from: one page of the export."""


@click.command()
@click.option("--url", help="Of the service, or of its export.  [default: http://HYDROCHAT_HOST:HYDROCHAT_PORT]")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the token.  [default: the variable HYDROCHAT_METRICS_TOKEN]",
)
@click.option("--watch", is_flag=True, help="Stay, and show every change until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.2), default=2.0, show_default=True, help="Seconds between two requests."
)
@click.option("--json", "as_json", is_flag=True, help="Print the JSON as received, one line each while watching.")
@click.option("--since", help="Only what ended since then: 1h, yesterday, a date or a time.")
@click.option("--operation", help="Only operations of this name.")
@click.option("--limit", type=click.IntRange(0, 1000), default=0, show_default=True, help="List the newest entries.")
def export(
    *,
    url: str | None,
    token_file: Path | None,
    interval: float,
    since: str | None,
    operation: str | None,
    limit: int,
    watch: bool,
    as_json: bool,
) -> None:
    """Print the export of a running service.

    Exits with status 1 if the service is unreachable or rejects the token.
    """
    try:
        settings = Settings.load()
    except SettingsError as error:
        raise MistakeError(error) from None
    token = token_file.read_text(encoding="utf-8").strip() if token_file else settings.metrics_token
    try:
        begins = None if since is None else periods.since(since, datetime.now(UTC), zone_of(settings.budget_timezone))
    except (ValueError, OverflowError) as error:
        raise MistakeError(error) from None
    asked: dict[str, object] = {"since": begins and begins.isoformat(), "operation": operation, "limit": limit or None}
    if not as_json:
        asked |= {"entries": "true", "limit": MOST_ENTRIES}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    source = Source(export_url(url or f"http://{settings.host}:{settings.port}", query), token)
    if watch:
        _watch(source, interval, limit, as_json=as_json)
        return
    try:
        body = source.body()
    except FetchError as error:
        raise NegativeError(error) from None
    if as_json:
        sys.stdout.write(body.decode())
    else:
        export_tables.console().print(export_tables.drawn(orjson.loads(body), limit))


@dataclass(slots=True)
class Source:
    """The export of a running service; keeps the last one, so that the service does not send it again unchanged."""

    url: str
    token: str | None
    _tag: str | None = None
    _last: bytes = b""

    def body(self) -> bytes:
        """Return the current export; raises :class:`FetchError` with a sentence on failure."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self._tag:
            headers["If-None-Match"] = self._tag
        at = urlsplit(self.url).netloc.rpartition("@")[2]
        try:
            fetched = fetch(self.url, headers=headers, deadline_s=_DEADLINE_S, max_bytes=_MAX_BYTES)
        except FetchError as error:
            raise FetchError(f"{at} {error}.") from None
        if fetched.status == 304:  # noqa: PLR2004 - not modified
            return self._last
        if fetched.status != 200:  # noqa: PLR2004 - OK
            raise FetchError(f"{at} answers with status {fetched.status}: {_reason(fetched.body)}")
        if _parsed(fetched.body) is None:
            raise FetchError(f"{at} answers with something other than an export.")
        self._tag, self._last = fetched.headers.get("etag"), fetched.body
        return fetched.body


def export_url(url: str, query: str) -> str:
    """Return the URL of the export of a service, from that of the service or of the export itself."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.UsageError("--url must be the address of a service, for instance http://127.0.0.1:9464.")
    path = parts.path.rstrip("/")
    if not path.endswith(web.EXPORT_PATH.rstrip("/")):
        path += web.EXPORT_PATH.rstrip("/")
    return parts._replace(path=f"{path}/", query=query or parts.query, fragment="").geturl()


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(body)
    except ValueError:
        return None
    return (
        found
        if isinstance(found, dict) and all(isinstance(found.get(name), dict) for name in export_tables.SECTIONS)
        else None
    )


def _reason(body: bytes) -> str:
    """Return the sentence of a failure of ours; no part of any other body, which can be another server's page."""
    try:
        sentence = orjson.loads(body)["error"]
    except (ValueError, TypeError, KeyError):
        return "no reason is given."
    return formats.printable(str(sentence), 300)


# -- watching -----------------------------------------------------------------------------------------------------


def _watch(source: Source, interval_s: float, limit: int, *, as_json: bool) -> None:
    console = export_tables.console()
    try:
        if as_json or not console.is_terminal:
            _watch_as_lines(source, interval_s, limit, console, as_json=as_json)
        else:
            with Live(console=console, auto_refresh=False) as live:
                for shown, trouble in _looks(source, interval_s):
                    note = [Text(trouble, style="bold red")] if trouble else []
                    live.update(
                        Group(*([export_tables.drawn(orjson.loads(shown), limit)] if shown else []), *note),
                        refresh=True,
                    )
    except KeyboardInterrupt:
        sys.exit(0)
    except BrokenPipeError:
        # The reader of our output closed it; Python must not flush it at the end (its documented way out).
        sys.stdout = None
        sys.exit(0)


def _watch_as_lines(source: Source, interval_s: float, limit: int, console: Console, *, as_json: bool) -> None:
    """Print each change below the last one: the output is not a terminal, so nothing can be redrawn."""
    last = b""
    for shown, trouble in _looks(source, interval_s):
        if trouble:
            click.echo(trouble, err=True)
        elif shown != last:
            last = shown
            if as_json:
                sys.stdout.buffer.write(orjson.dumps(orjson.loads(shown)) + b"\n")
                sys.stdout.buffer.flush()
            else:
                console.print(export_tables.drawn(orjson.loads(shown), limit))


def _looks(source: Source, interval_s: float) -> Iterator[tuple[bytes, str]]:
    """Yield the newest export and a sentence about the last failure ('' for none), without end."""
    shown = b""
    while True:
        trouble = ""
        try:
            shown = source.body()
        except FetchError as error:
            trouble = str(error)
        yield shown, trouble
        time.sleep(interval_s)
