"""Finished work that waits in the window: its entry is made when something reads it; most is packed without one."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from hydrochat_otel.window.entry import Entry


class End(Protocol):
    """How a piece of work ended."""

    @property
    def outcome(self) -> str:
        """One of :data:`semconv.OUTCOMES`."""

    @property
    def error_type(self) -> str | None:
        """Class name or status of the failure; None for none."""

    @property
    def trace_id(self) -> int:
        """Its trace; 0 for none."""


class Waiting(Protocol):
    """The frozen record of a finished operation."""

    @property
    def role(self) -> str:
        """Whether a caller waits for it (``root``) or it is a step."""

    @property
    def exceeded(self) -> bool:
        """Whether it took longer than the threshold that it states."""

    @property
    def ended(self) -> End:
        """How it ended."""

    def entry(self) -> Entry:
        """Return its entry; each time an equal one."""

    @staticmethod
    def columns(waiting: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the columns of the entries of several records of this class, in the order of the fields of an entry.

        They are those of the entries that :meth:`entry` returns, without making one. Durations and ends are floats.
        """

    @staticmethod
    def are_unremarkable(waiting: Sequence[Any]) -> bool:
        """Return whether all of several records of this class are roots that ended well and in time."""


def entries_of_work(work: Iterable[Entry | Waiting]) -> tuple[Entry, ...]:
    """Return the entries of work; those that wait are made now."""
    return tuple([one if isinstance(one, Entry) else one.entry() for one in work])
