"""One process's membership in a shared state: what it publishes, what it restores, and why nothing counts twice.

A publication that was not acknowledged is sent again unchanged until it is; only then the next one is made. So the
state holds one of at most two totals of a member: the acknowledged or the pending one. A member that stops publishing
is merged into the totals of departed members by another one. If it resumes, the receipt says which publication was
merged; it continues under a new id from that baseline. After shared state is lost or rolled back, its members restore
it.
"""

import math
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from hydrochat_otel.fleet import merging
from hydrochat_otel.fleet.backend import Backend, Knowledge, Publication, Receipt
from hydrochat_otel.fleet.bounds import StateError
from hydrochat_otel.fleet.entries import decode_entry, encode_entry, readable_entry
from hydrochat_otel.fleet.notable import encode_turns
from hydrochat_otel.fleet.totals import Totals, encode_totals, readable_totals
from hydrochat_otel.fleet.view import NOTHING, Own, View, days_of, departed_of
from hydrochat_otel.runtime import failures
from hydrochat_otel.window import days as all_days
from hydrochat_otel.window.days import Days
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.notable import Turn
from hydrochat_otel.window.outbox import Outbox

_ROUNDS: Final = 4
"""The most exchanges of one call: a pending publication, a correction or two, and the requested one."""
_BEFORE_LOSSES: Final = 4
"""Publications from before losses that are remembered: they may have been merged then, which shows only later."""
_UNKNOWN: Final = -1
"""A version that no departed totals have."""


class Member:
    """The protocol, without clock and thread; one call at a time.

    Args:
        backend: The shared state.
        collect: Returns the process's own cumulative numbers.
        outbox: Its entries that wait to be published.
        settle_s: Seconds after which every live member has published into a restored state.
        newborn_s: Seconds after which every live member has noticed a new state.
        refill: Puts all entries that the process still keeps and that did not end before a moment, in seconds since the
            epoch, into the outbox again.
        new_id: Makes identifiers.
        chance: Makes numbers from 0 to 1, so that not all members merge at once.
    """

    def __init__(
        self,
        backend: Backend,
        collect: Callable[[], Own],
        outbox: Outbox,
        *,
        settle_s: float = 5.0,
        newborn_s: float = 2.0,
        refill: Callable[[float], object] = lambda _: None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.backend = backend
        self._collect = collect
        self._outbox = outbox
        self._settle_s = settle_s
        self._newborn_s = newborn_s
        self._refill = refill
        self._new_id = new_id
        self._chance = chance
        self.id = new_id()
        self._seq = 0
        self._base = NOTHING
        self._acknowledged: tuple[int, Own] | None = None
        self._pending: tuple[Publication, Own] | None = None
        self._before_losses: dict[int, Own] = {}
        self._store_id: str | None = None
        self._lost_evicted: Mapping[str, int] = {}
        self._departed: tuple[int, bytes | None, Totals | None] = (0, None, None)
        self._has_to_learn = False
        self._known: dict[str, tuple[bytes, Totals | None]] = {}
        self._window: dict[bytes, Entry | None] = {}
        self._has_to_read = True
        self._is_damaged = False
        self._notable: tuple[tuple[Turn, ...], str] = (), ""
        self.view: View | None = None

    @property
    def departed(self) -> Totals | None:
        """The totals of all merged members, as this one last read them."""
        return self._departed[2]

    def own_totals(self, own: Own) -> Totals:
        """Return what this member contributes: its numbers less those that were merged already."""
        base = self._base
        days = all_days.minus(own.days, base.days)
        families = merging.minus(own.families, base.families)
        return Totals(
            self.id, self._seq, 0.0, own.resource, families, days, {}, own.signed_out, self._encoded(own.notable)
        )

    def _encoded(self, turns: tuple[Turn, ...]) -> str:
        """Return the turns as text, which is made again only if they are others than the last time."""
        if not turns:
            return ""
        if turns is not self._notable[0]:
            self._notable = turns, encode_turns(turns)
        return self._notable[1]

    def totals_with(self, view: View, own: Own) -> tuple[Totals, ...]:
        """Return the others' totals from the view, and this member's current ones."""
        return (*(one for one in view.totals if one.member != self.id), self.own_totals(own))

    def days_of_all(self, view: View, days: Days) -> Days:
        """Return the days of the others in the view and of this process."""
        return days_of(self.totals_with(view, Own((), {}, days)))

    @property
    def has_to_publish(self) -> bool:
        """Whether something waits to be published that a collection would not show."""
        return bool(self._outbox) or self._pending is not None or self._is_damaged

    def exchange(
        self,
        unix_s: float,
        *,
        read: bool = False,
        leaving: bool = False,
        heartbeat: bool = True,
        collect: bool = True,
    ) -> None:
        """Publish what is new, and read everything into :attr:`view` if requested.

        Args:
            unix_s: Now, in seconds since the epoch.
            read: Whether to read. What is read includes what was published in the same transaction.
            leaving: Whether the process ends.
            heartbeat: Whether to publish even if nothing is new, or to make the first contact with the state.
            collect: Whether to collect the process's numbers; if not, the last published ones count as current.

        Raises:
            StateError: The state cannot be used; what was not published stays, and goes with the next exchange.
        """
        # Read too, so that this member can restore silent members' totals if the state is lost before they are merged.
        read = read or self._has_to_read
        for _ in range(_ROUNDS):
            repeated = self._pending is not None
            if self._pending is None:
                known = None if collect or self._is_damaged or self._acknowledged is None else self._acknowledged[1]
                own = self._collect() if known is None else known
                made = self._next(own, unix_s, leaving=leaving, heartbeat=heartbeat or read, refresh=known is None)
                self._pending = made
                if made is not None:  # nothing is called since, so the entries are in one of the two places
                    self._outbox.taken = ()
            publication = self._pending[0] if self._pending is not None else None
            # A member without news notices a loss as well, in time to restore what it has read.
            if publication is None and not (read or heartbeat):
                return
            receipt = self.backend.exchange(publication, self._known_version(), read=read and not repeated)
            if self._settles(receipt) and not repeated:
                break
        else:
            raise StateError("The shared state does not settle: it was lost again and again.")
        self._look(receipt, own, unix_s)
        self._has_to_read = bool(receipt.silent)
        if receipt.silent and not self._is_settling(receipt) and self._chance() * receipt.members < 1:
            self._merge(receipt.silent, unix_s)

    def _settles(self, receipt: Receipt) -> bool:
        """Take the receipt for what is pending; a receipt that makes no sense leaves it pending, entries and all."""
        pending, self._pending = self._pending, None
        try:
            return self._take(receipt, pending)
        except StateError:  # a restoring exchange failed: what was pending is in what is restored
            raise
        except BaseException:
            self._pending = pending
            raise

    # -- publishing ------------------------------------------------------------------------------------------------

    def _next(
        self, own: Own, unix_s: float, *, leaving: bool, heartbeat: bool, refresh: bool
    ) -> tuple[Publication, Own] | None:
        """Return what to publish now; None if nothing is new and the state does not list this process."""
        waiting = bool(self._outbox)
        published = self._acknowledged is not None
        changed, self._is_damaged = self._differs(own) or self._is_damaged, False
        if not (waiting or published or own.signed_out or merging.counts_anything(own.families)):
            return None
        if not (waiting or changed or heartbeat or leaving):
            return None
        self._seq += 1
        data = (
            encode_totals(self.own_totals(own)._replace(unix_s=unix_s)) if changed or (heartbeat and refresh) else None
        )
        encoded = [(entry.end_unix_s, encode_entry(entry)) for entry in self._outbox.take()]
        return Publication(member=self.id, seq=self._seq, totals=data, entries=encoded, leaving=leaving), own

    def _differs(self, own: Own) -> bool:
        if self._acknowledged is None:
            return True
        before = self._acknowledged[1]
        if own is before:  # not collected again
            return False
        if own.days != before.days or own.signed_out != before.signed_out:
            return True
        return not merging.count_the_same(own.families, before.families)

    def _take(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> bool:
        """Process the receipt; return False if the exchange has to be repeated."""
        if self._store_id not in {None, receipt.store_id} or self._has_gone_back(receipt, pending):
            self._restore(receipt, pending)
            return False
        self._store_id = receipt.store_id
        if receipt.departed_version != self._known_version():
            data = receipt.departed
            self._departed, self._has_to_learn = (receipt.departed_version, data, readable_totals(data, "")), False
        if pending is None:
            return True
        publication, own = pending
        if receipt.merged_seq is not None:
            self._go_on_as_another(receipt.merged_seq, publication, own)
            return False
        self._acknowledged = (publication.seq, own)
        return True

    def _has_gone_back(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> bool:
        """Return whether the state no longer has what it acknowledged: it was replaced by an older copy."""
        if receipt.departed_version < self._departed[0]:
            return True
        if pending is None or self._acknowledged is None or receipt.merged_seq is not None:
            return False
        return receipt.kept_seq is None or receipt.kept_seq < self._acknowledged[0]

    def _go_on_as_another(self, merged_seq: int, publication: Publication, own: Own) -> None:
        """Become a new member that counts from the merged publication of the old one."""
        if merged_seq == publication.seq:
            self._base = own
        else:
            self._give_back(publication)
            published = self._published()
            if merged_seq not in published:
                failures.note("state.rebase")
            self._base = published.get(merged_seq, published[max(published)] if published else self._base)
        self._acknowledged, self._before_losses = None, {}
        self.id, self._seq = self._new_id(), 0

    def _published(self) -> dict[int, Own]:
        """Return the last acknowledged numbers, and those from before losses, by sequence number."""
        return self._before_losses | ({} if self._acknowledged is None else dict([self._acknowledged]))

    def _give_back(self, publication: Publication) -> None:
        for _, data in publication.entries:
            self._outbox.put(decode_entry(data))

    def _restore(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> None:
        """Restore a state that was lost; every member does, and the newest totals of each member win."""
        published = self._published()
        if pending is not None:
            published[pending[0].seq] = pending[1]
        self._before_losses = dict(sorted(published.items())[-_BEFORE_LOSSES:])
        version, data, departed = self._departed
        totals = {
            member: (one.seq, data)
            for member, (data, one) in self._known.items()
            if member != self.id and one is not None
        }
        self.backend.restore(
            Knowledge(
                departed=data,
                departed_version=version,
                merged=departed.merged if departed is not None else {},
                totals=totals,
                evicted=self._lost_evicted,
            )
        )
        contents = self.backend.exchange(None, _UNKNOWN, read=True).contents
        self._store_id, self._has_to_learn, self._acknowledged = receipt.store_id, True, None
        # Entries older than a full window were evicted and counted before.
        left = contents.entries if contents is not None else ()
        oldest = readable_entry(left[0]) if len(left) >= self._outbox.capacity else None
        self._refill(oldest.end_unix_s if oldest is not None else -math.inf)

    def _known_version(self) -> int:
        # In a new state the same version number may stand for other departed totals.
        return _UNKNOWN if self._has_to_learn else self._departed[0]

    # -- reading ---------------------------------------------------------------------------------------------------

    def _look(self, receipt: Receipt, own: Own, unix_s: float) -> None:
        """Build the view from what was read, if anything was."""
        contents = receipt.contents
        if contents is None:
            return
        known: dict[str, tuple[bytes, Totals | None]] = {}
        for member, data in contents.totals.items():
            before = self._known.get(member)
            known[member] = (
                before if before is not None and before[0] == data else (data, readable_totals(data, member))
            )
        self._known = known
        # Most entries are the same as in the last reading, and decoding costs more than reading.
        window = self._window
        self._window = {data: window[data] if data in window else readable_entry(data) for data in contents.entries}
        self._lost_evicted = contents.evicted
        totals = [one for _, one in known.values() if one is not None]
        if self.id not in known:
            # This process had nothing to publish. No other member can show what it counts from now on.
            totals.append(self.own_totals(own)._replace(unix_s=unix_s))
        elif known[self.id][1] is None:
            # What it published is damaged; the next publication replaces it.
            totals.append(self.own_totals(own)._replace(unix_s=unix_s))
            self._is_damaged = True
        if self.departed is not None:
            totals.insert(0, self.departed)
        self.view = View(
            tuple(totals),
            tuple(entry for entry in self._window.values() if entry is not None),
            contents.evicted,
            receipt.members + (self.id not in known),
            settling=self._is_settling(receipt),
        )

    def _is_settling(self, receipt: Receipt) -> bool:
        restored_s = receipt.restored_age_s
        return receipt.age_s < self._newborn_s or (restored_s is not None and restored_s < self._settle_s)

    # -- merging ---------------------------------------------------------------------------------------------------

    def _merge(self, silent: Mapping[str, int], unix_s: float) -> None:
        """Merge silent members into the departed totals; the first member to do it wins, the others change nothing."""
        receipt = self.backend.exchange(None, self._known_version(), read=True)
        if not self._take(receipt, None) or receipt.contents is None:
            return
        _, kept, readable = self._departed
        if kept is not None and readable is None:  # unreadable totals must not be overwritten
            return
        gone = {member: seq for member, seq in silent.items() if receipt.silent.get(member) == seq}
        totals = [readable_totals(receipt.contents.totals.get(member), member) for member in gone]
        departed = departed_of([self.departed, *totals], gone, unix_s)
        self.backend.merge(gone, encode_totals(departed), self._departed[0])
