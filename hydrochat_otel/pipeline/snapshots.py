"""Takes snapshots: of this process alone, or of all that share their state.

The numbers of other processes are either read now, in one exchange with the shared state, or those of the last reading.
"""

import math
import time
from typing import TYPE_CHECKING, Final

from hydrochat_otel.fleet.bounds import StateError
from hydrochat_otel.fleet.publisher import Publisher
from hydrochat_otel.fleet.sign_outs import sign_outs
from hydrochat_otel.pipeline import start_warnings
from hydrochat_otel.prices.day_ledger import DayLedger
from hydrochat_otel.runtime import deferred_queue, failures, feeding
from hydrochat_otel.runtime.forks import ForkLock, Phase
from hydrochat_otel.runtime.later import later
from hydrochat_otel.sdk.providers import Providers
from hydrochat_otel.settings import Settings
from hydrochat_otel.window import days as all_days, dollars, window
from hydrochat_otel.window.days import Days
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import notable_turns
from hydrochat_otel.window.snapshot import Budget, Metrics, Sharing, Snapshot
from hydrochat_otel.window.store import MetricsStore

if TYPE_CHECKING:
    from hydrochat_otel.fleet import fleet_snapshot, merging, notable as fleet_notable, view as fleet_view
    from hydrochat_otel.fleet.member import Member
    from hydrochat_otel.fleet.view import Own, View
    from hydrochat_otel.prices import budget
else:
    fleet_snapshot = later("hydrochat_otel.fleet.fleet_snapshot")
    merging = later("hydrochat_otel.fleet.merging")
    fleet_notable = later("hydrochat_otel.fleet.notable")
    fleet_view = later("hydrochat_otel.fleet.view")
    budget = later("hydrochat_otel.prices.budget")

_ALONE: Final = Sharing()


class Snapshots:
    """Takes snapshots; any thread may call.

    Args:
        settings: Bounds, state and budget.
        providers: Providers whose metrics are read.
        ledger: The days of this process.

    Attributes:
        publisher: Shares this process's numbers with others.

    Raises:
        StateError: The library that the state needs is not installed.
    """

    def __init__(self, settings: Settings, providers: Providers, ledger: DayLedger) -> None:
        self._settings = settings
        self._providers = providers
        self._ledger = ledger
        self._since_unix_s = time.time()
        self._lock = ForkLock(Phase.SNAPSHOT)
        self._known_budget: tuple[int, Days, Budget] | None = None
        self._notice = start_warnings.unnamed(settings, providers.service_name())
        self.publisher = Publisher(
            settings,
            providers.service_name(),
            self._own,
            _store,
            prepare=deferred_queue.drain_all_gently,
            activity=_activity,
            learn=_learn,
        )

    def take(self) -> Snapshot:
        """Return the snapshot of now; with a shared state, after one exchange that takes two seconds or so at most."""
        try:
            view = self.publisher.fresh()
        except StateError as error:
            return self._of_known(str(error))
        return self._alone() if view is None else self._of(view)

    def take_metrics(self) -> Metrics:
        """Return the metrics that :meth:`take` would; makes no entries of this process's window."""
        try:
            view = self.publisher.fresh()
        except StateError as error:
            return self._of_known(str(error)).metrics()
        return self._metrics_alone() if view is None else self._of(view).metrics()

    def take_known(self) -> Snapshot:
        """Return the snapshot of this process now, and of the others as of the last reading; waits for nothing."""
        return self._of_known(self.publisher.problem)

    def notable(self) -> list[Entry]:
        """Return the entries of the notable turns of all processes, as far as this one has read; waits for nothing."""
        own, known = notable_turns.entries(), self.publisher.known()
        if known is None or not self._settings.notable_turns:
            return own
        oldest_unix_s = time.time() - self._settings.ttl_hours * 3600
        return [*own, *fleet_notable.entries_since((one.notable for one in known[1].totals), oldest_unix_s)]

    def spent(self) -> Budget:
        """Return the dollars that all have spent, as far as this process has read; waits for nothing."""
        days = self._ledger.days()
        known = self._known_to_push()
        return self._budget(days if known is None else known[0].days_of_all(known[1], days), time.time())

    def workers(self) -> int:
        """Return how many processes reported lately, as far as this one has read."""
        known = self._known_to_push()
        return 1 if known is None else known[1].members

    def _known_to_push(self) -> "tuple[Member, View] | None":
        # Unless metrics are pushed, the snapshot of all replaces these gauges, so nothing has to keep them fresh.
        return self.publisher.known() if self._providers.pushes_to() is not None else None

    def _own(self) -> "Own":
        with self._lock:
            families, resource = self._providers.reader.read()
        days = all_days.with_costs(self._ledger.days(), dollars.rounded)
        return fleet_view.Own(merging.exact(families), resource, days, sign_outs.unexpired(), notable_turns.turns())

    def _alone(self, sharing: Sharing = _ALONE) -> Snapshot:
        deferred_queue.drain_all()
        with self._lock:
            contents = _store().contents()
            families, resource = self._providers.reader.read(is_drained=True)
            days = self._ledger.days()
            unix_s = time.time()
        return fleet_snapshot.snapshot_of(
            [families],
            contents,
            resource=resource,
            unix_s=unix_s,
            budget=self._budget(days, unix_s),
            days=days,
            sharing=sharing,
            counted_since_unix_s=self._since_unix_s,
        )

    def _metrics_alone(self) -> Metrics:
        deferred_queue.drain_all()
        with self._lock:
            filling = _store().filling()
            families, resource = self._providers.reader.read(is_drained=True)
            days = self._ledger.days()
        budget_ = self._budget(days, time.time())
        return Metrics(fleet_snapshot.families_of((families,), filling, budget_, _ALONE.workers), resource, _ALONE)

    def _of_known(self, problem: str | None) -> Snapshot:
        known = self.publisher.known()
        if known is None:
            return self._alone(_ALONE if problem is None else self._sharing(1, problem))
        member, view = known
        return self._of(view._replace(totals=member.totals_with(view, self._own())), problem)

    def _of(self, view: "View", problem: str | None = None) -> Snapshot:
        unix_s = time.time()
        if problem is None and view.settling:
            problem = "The shared state was lost or is new; its members restore it within a few seconds."
        days = fleet_view.days_of(view.totals)
        contents = fleet_snapshot.contents_of(
            view.entries,
            view.evicted,
            unix_s=unix_s,
            max_entries=self._settings.max_entries,
            ttl_hours=self._settings.ttl_hours,
        )
        evicted = fleet_snapshot.evicted_family(view.evicted)
        return fleet_snapshot.snapshot_of(
            [*(one.families for one in view.totals), (evicted,)],
            contents,
            resource=fleet_snapshot.common_resource(view.totals, instance_is_named=self._providers.has_instance_id()),
            unix_s=unix_s,
            budget=self._budget(days, unix_s),
            days=days,
            sharing=self._sharing(view.members, problem),
        )

    def _sharing(self, workers: int, problem: str | None) -> Sharing:
        return Sharing(self.publisher.kind, workers, self.publisher.stale_s, problem, self._notice)

    def _budget(self, days: Days, unix_s: float) -> Budget:
        """Return the budget, which depends on the days and the second only: one scrape asks for it four times."""
        second = math.floor(unix_s)
        known = self._known_budget
        if known is None or known[0] != second or known[1] != days:
            made = budget.budget(days, second, self._settings.budget_timezone, self._settings.budget_usd)
            known = self._known_budget = second, days, made
        return known[2]


def _activity() -> object:
    """Return a value that changes whenever something of ours is recorded, or a session is signed out."""
    return feeding.fed(), sum(failures.counts().values()), sign_outs.known


def _learn(view: "View") -> None:
    for totals in view.totals:
        sign_outs.add(totals.signed_out)


def _store() -> MetricsStore:
    return window.get_global_metrics_store()
