"""The thread that publishes, and the last state that it read; no thread of the host's runs this.

While the shared state is unreachable, numbers wait in this process: counters are cumulative, and entries wait in a
bounded outbox. The publisher tries again after a random delay. One log line says that the state is unreachable, another
that it is back.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.discovery import Location
from hydrochat_otel.runtime import background, exits, failures, safe_log
from hydrochat_otel.runtime.forks import Busy, ForkLock, Phase
from hydrochat_otel.runtime.later import later
from hydrochat_otel.settings import Settings
from hydrochat_otel.window.store import MetricsStore

if TYPE_CHECKING:
    from hydrochat_otel.fleet import member as membership
    from hydrochat_otel.fleet.member import Member
    from hydrochat_otel.fleet.view import Own, View
else:
    membership = later("hydrochat_otel.fleet.member")

logger: Final = logging.getLogger("hydrochat_otel")

_MAX_DELAY_S: Final = 1.0
"""The longest delay beyond the interval before an unreachable state is tried again."""
_TURN_S: Final = 2.0
"""The longest wait of a scrape for another exchange of the same process."""
_INTEREST_S: Final = 60.0
"""How long the others' numbers are kept fresh after a reader in the process requested them."""
_COLLECT_S: Final = 15.0
"""The greatest age of gauges and other libraries' metrics while nothing of ours is recorded."""


class Publisher:
    """Publishes this process's numbers every interval, and reads those of all members; any thread may call.

    Args:
        settings: State, interval and bounds.
        group: Name of the service.
        collect: Returns the process's own cumulative numbers.
        store: Returns the process's own window.
        prepare: Called on the thread before it publishes; not as long as it has none to share with.
        activity: Returns a value that changes whenever something of ours was recorded. While it stays the same, metrics
            are not collected: that takes as long as publishing them.
        learn: Called with each view that was read.

    Raises:
        StateError: The library that the state needs is not installed.
    """

    def __init__(
        self,
        settings: Settings,
        group: str,
        collect: "Callable[[], Own]",
        store: Callable[[], MetricsStore],
        *,
        prepare: Callable[[], object] = lambda: None,
        activity: Callable[[], object] = object,
        learn: "Callable[[View], object]" = lambda _: None,
    ) -> None:
        interval_s = settings.publish_interval_s
        self._interval_s = interval_s
        self._heartbeat_s = max(3.0, 3 * interval_s)
        self._settle_s = 2 * interval_s + _MAX_DELAY_S
        bounds = Bounds(
            max_entries=settings.max_entries,
            ttl_s=settings.ttl_hours * 3600,
            silent_after_s=max(10.0, 10 * interval_s),
        )
        self._location = Location(settings.state, group, bounds)
        self._collect = collect
        self._store = store
        self._prepare = prepare
        self._activity = activity
        self._learn = learn
        self._learned: View | None = None
        self._seen_activity: object = None
        self._collect_at_s = 0.0
        self._is_started = False
        self._member: Member | None = None
        # Held over a fork: an exchange in progress has a connection that the child must not share.
        self._turn = ForkLock(Phase.SHARING)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_heartbeat_s = 0.0
        self._wanted_until_s = 0.0
        self._failing_since_s: float | None = None
        self.problem: str | None = None
        self.kind = "memory"

    # -- reading ---------------------------------------------------------------------------------------------------

    def fresh(self) -> "View | None":
        """Publish what is new, read everything in the same transaction, and return it; None in ``memory``.

        Raises:
            StateError: The state cannot be used now.
        """
        try:
            with self._turn.within(_TURN_S):
                member = self._joined()
                if member is None:
                    return None
                self._try(member, read=True, collect=True)
                return member.view
        except Busy:
            raise StateError("The shared state is slow: an exchange has been under way for seconds.") from None

    def known(self) -> "tuple[Member, View] | None":
        """Return what was read last, without waiting; requesting it makes the thread read again soon."""
        self._wanted_until_s = time.monotonic() + _INTEREST_S
        member = self._member
        return None if member is None or member.view is None else (member, member.view)

    @property
    def stale_s(self) -> float:
        """Seconds since the state was last usable; 0 while it is."""
        since_s = self._failing_since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    # -- publishing ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread, unless this process never shares; a second call does nothing."""
        if not self._is_started and not self._location.is_nowhere:
            self._is_started = True
            self._stop.clear()
            self._thread = background.start("hydrochat-otel-publish", self._run)
            exits.watch(self)

    def leave(self) -> None:
        """Publish what is new now, because this may be the last time; never raises."""
        if self._is_started:
            self.publish(leaving=True)

    def stop(self) -> None:
        """End the thread and publish for the last time; what cannot be published within seconds is lost."""
        if not self._is_started:
            return
        self._is_started = False
        thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=_TURN_S)
        self.publish(leaving=True)
        with suppress(Busy), self._turn.within(_TURN_S):
            if self._member is not None:
                self._member.backend.close()
                self._member = None

    def publish(self, *, read: bool = False, leaving: bool = False) -> None:
        """Publish what is new, and read what the others published if requested; never raises.

        While the state is unreachable nothing is read: a caller that wants to read does not wait for the next failure.
        """
        if read and self._failing_since_s is not None:
            return
        try:
            with self._turn.within(_TURN_S):
                member = self._joined()
                if member is not None:
                    read = read or time.monotonic() < self._wanted_until_s
                    self._try(member, read=read, leaving=leaving, collect=leaving)
        except (Busy, StateError):
            pass
        except Exception as error:
            failures.note("state.publish", error)

    def _run(self) -> None:
        background.repeat(self._stop, self._interval_s, self._tick, component="state.publish")

    def _tick(self) -> float:
        """Publish, and return seconds until the next time."""
        began_s = time.monotonic()
        if self._member is not None:
            self._prepare()
        self.publish()
        away_s = random.uniform(0, _MAX_DELAY_S) if self._failing_since_s else 0.0  # noqa: S311 - spreads load
        return max(0.0, self._interval_s + away_s - (time.monotonic() - began_s))

    def _joined(self) -> "Member | None":
        """Return the membership, which begins as soon as there is another process to share with."""
        if self._member is None:
            try:
                backend = self._location.backend()
            except StateError as error:
                self._failed(error)
                raise
            if backend is None:
                return None
            self.kind = backend.kind
            self._member = membership.Member(
                backend,
                self._collect,
                self._store().share(),
                settle_s=self._settle_s,
                # A Redis can be emptied at any time, and the process that makes the new state may have read nothing of
                # the old one.
                newborn_s=2 * self._interval_s if backend.kind == "redis" else 0.0,
                refill=lambda since_unix_s: self._store().share(since_unix_s),
            )
        return self._member

    def _try(self, member: "Member", *, read: bool, leaving: bool = False, collect: bool = False) -> None:
        now_s = time.monotonic()
        heartbeat = now_s >= self._next_heartbeat_s
        activity = self._activity()
        collect = collect or activity != self._seen_activity or now_s >= self._collect_at_s
        if not (collect or read or heartbeat or member.has_to_publish):
            return
        try:
            member.exchange(time.time(), read=read, leaving=leaving, heartbeat=heartbeat, collect=collect)
        except StateError as error:
            self._failed(error)
            raise
        if member.view is not None and member.view is not self._learned:
            self._learn(member.view)
            self._learned = member.view
        if collect:
            self._seen_activity, self._collect_at_s = activity, now_s + _COLLECT_S
        if heartbeat or read:
            self._next_heartbeat_s = now_s + self._heartbeat_s
        self._recovered()

    def _failed(self, error: StateError) -> None:
        self._next_heartbeat_s = self._collect_at_s = 0.0  # a state that returns may have lost publications
        failures.note("state", error, quiet=True)
        if self._failing_since_s is None:
            self._failing_since_s = time.monotonic()
            safe_log.warning(logger, "%s The application continues; its numbers wait and are published later.", error)
        self.problem = str(error)

    def _recovered(self) -> None:
        if self._failing_since_s is not None:
            safe_log.warning(logger, "The shared state is back after %.0f s.", self.stale_s)
            self._failing_since_s = self.problem = None

    # -- forks -----------------------------------------------------------------------------------------------------

    def forget_parent(self) -> None:
        """Become a new member in a forked child, which has published nothing yet."""
        self._stop = threading.Event()
        self._location.after_fork_in_child()
        self._member = None
        self._failing_since_s = self.problem = None
        self._next_heartbeat_s = self._collect_at_s = 0.0
        exits.after_fork_in_child()

    def start_in_child(self) -> None:
        """Start the thread in a forked child if the parent had one."""
        if self._is_started:
            self._is_started, self._thread = False, None
            self.start()
