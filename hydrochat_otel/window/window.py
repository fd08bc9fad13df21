"""The process's own window, which keeps every operation, call and span of the process."""

from collections.abc import Callable
from typing import Final

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.settings import Settings
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import notable_turns
from hydrochat_otel.window.store import MetricsStore
from hydrochat_otel.window.waiting import Waiting

_global_lock: Final = ForkLock()
_global: Final[dict[str, MetricsStore]] = {}
process_globals.register("window", _global.clear)
_sources: Final[list[Callable[[], None]]] = []


def before_reading(arrive: Callable[[], None]) -> None:
    """Set what adds queued finished work to the process's window; called before each reading of it."""
    _sources[:] = [arrive]
    if (store := _global.get("store")) is not None:
        store.arrive = arrive


def keep(entries: list[Entry | Waiting]) -> None:
    """Keep entries that have just been made, or work whose entries are not, oldest first, in the process's window.

    They leave the list in the moment in which they are in the window, so that an interrupted call can be repeated.

    Raises:
        SettingsError: As :func:`get_global_metrics_store`.
    """
    some = tuple(entries)
    get_global_metrics_store().take(entries)
    notable_turns.see(some)


def make_entries() -> None:
    """Make the entries of all work of the process that waits for it, so that nothing holds what recorded the work."""
    if (store := _global.get("store")) is not None:
        store.contents()
    notable_turns.make_entries()


def get_global_metrics_store() -> MetricsStore:
    """Return the window that the pipeline fills; the first call makes it with the environment's settings.

    Raises:
        SettingsError: It is made now and a setting is invalid.
    """
    store = _global.get("store")
    if store is not None:
        return store
    settings = Settings.load()
    return use_global_metrics_store(
        MetricsStore(
            settings.max_entries, settings.ttl_hours, cleanup_interval_minutes=settings.cleanup_interval_minutes
        ),
        replace=False,
    )


def size_global_metrics_store(settings: Settings) -> None:
    """Give the process's window the bounds of the settings; its contents stay as far as they fit."""
    store = get_global_metrics_store()
    wanted = (settings.max_entries, settings.ttl_hours, settings.cleanup_interval_minutes)
    if (store.max_entries, store.ttl_hours, store.cleanup_interval_minutes) != wanted:
        entries, hours, minutes = wanted
        use_global_metrics_store(MetricsStore(entries, hours, cleanup_interval_minutes=minutes))


def use_global_metrics_store(store: MetricsStore, *, replace: bool = True, keep_entries: bool = True) -> MetricsStore:
    """Make the store the process's window and return the one in use.

    The contents and counts of a replaced window move into the new one; `keep_entries` decides about its entries.
    """
    with _global_lock:
        current = _global.get("store")
        if current is not None and not replace:
            return current
        if current is not None and current is not store:
            store.adopt(current, entries=keep_entries)
            current.arrive = None
        store.arrive = _sources[0] if _sources else None
        _global["store"] = store
        return store


def reset_global_metrics_store() -> None:
    """Replace the process's window by an empty one with the same bounds; its entries are discarded."""
    notable_turns.clear()
    old = _global.get("store")
    if old is not None:
        use_global_metrics_store(
            MetricsStore(
                old.max_entries,
                old.ttl_hours,
                auto_cleanup=old.auto_cleanup,
                cleanup_interval_minutes=old.cleanup_interval_minutes,
            ),
            keep_entries=False,
        )
