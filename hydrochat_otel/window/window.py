"""The process's own window: the one that every operation, call and span of the process is kept in."""

from collections.abc import Callable, Iterable
from typing import Final

from hydrochat_otel.runtime import process_globals
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.settings import Settings
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import notable_turns
from hydrochat_otel.window.store import MetricsStore

_global_lock: Final = ForkLock()
_global: Final[dict[str, MetricsStore]] = {}
process_globals.register("window", _global.clear)
_sources: Final[list[Callable[[], None]]] = []


def before_reading(arrive: Callable[[], None]) -> None:
    """Set what lets finished work that still waits arrive in the process's window; called before each reading of it."""
    _sources[:] = [arrive]
    if (store := _global.get("store")) is not None:
        store.arrive = arrive


def keep(entries: Iterable[Entry]) -> None:
    """Keep entries that have just been made, oldest first, in the process's window.

    Raises:
        SettingsError: As :func:`get_global_metrics_store`.
    """
    made = tuple(entries)
    get_global_metrics_store().extend(made)
    notable_turns.see(made)


def get_global_metrics_store() -> MetricsStore:
    """Return the window that the pipeline fills; made with the environment's settings when nobody asked before.

    Raises:
        SettingsError: It is made now and a setting has a value that is not allowed.
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


def use_global_metrics_store(store: MetricsStore, *, replace: bool = True, keep_entries: bool = True) -> MetricsStore:
    """Make the store the process's window and return the one in use.

    What a replaced window kept and counted moves into the new one; `keep_entries` says whether its entries do, too.
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
    """Put an empty window of the same bounds in the place of the process's; what was kept is gone."""
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
