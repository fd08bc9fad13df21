"""One process's membership in a shared state: what it publishes, what it knows, and how nothing counts twice.

A publication that was not acknowledged is sent again as it was, until it is; only then comes the next. So there are
never more than two records that the state may hold of a member: the acknowledged and the pending one. Whoever is
silent for long is folded into the tombstone by another member; should he come back, he learns which of the two it was,
and goes on as a new member that counts from there. A state that was lost, or has gone back in time, is restored from
what its members know.
"""

import math
import random
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from hydrochat_otel.fleet import merging, totals
from hydrochat_otel.fleet.backend import Backend, Knowledge, Publication, Receipt, StateError
from hydrochat_otel.fleet.totals import Record
from hydrochat_otel.runtime import failures
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.outbox import Outbox
from hydrochat_otel.window.snapshot import Attributes, Family

_ROUNDS: Final = 4
"""Exchanges that one call makes at most: a pending one, a correction or two, and the one asked for."""
_BEFORE_LOSSES: Final = 4
"""Publications from before losses that are remembered: what may have been folded then, and come to light later."""
_FOLDED_REMEMBERED: Final = 256
"""Members whose names go with the tombstone into another state; a name is 50 bytes."""
_UNKNOWN: Final = -1
"""No version of a tombstone."""


class Own(NamedTuple):
    """What the process itself has measured since its start: cumulative, `spend` in dollars by day."""

    families: tuple[Family, ...]
    resource: Attributes
    spend: Mapping[str, float]


_MONTHS_KEPT: Final = 12

_NOTHING: Final = Own((), {}, {})


class View(NamedTuple):
    """Everything that is known of all members, as of one exchange.

    Attributes:
        records: Of the tombstone first, and of each member that was not folded; this one's among them.
        entries: The retained window of all, oldest first.
        evicted: Entries that have left it, by reason.
        members: How many were heard of lately, this one included.
        settling: Whether the state is so new, or was lost so lately, that members may be missing from it.
    """

    records: tuple[Record, ...]
    entries: tuple[Entry, ...]
    evicted: Mapping[str, int]
    members: int
    settling: bool


class Member:
    """The protocol, without clock and thread; one call at a time.

    Args:
        backend: The shared state.
        collect: Returns the process's own cumulative numbers.
        outbox: Its entries that wait to be published.
        settle_s: Seconds after which every member that lives has published into a state that was restored.
        newborn_s: Seconds after which every member that lives has noticed a state that was made anew.
        refill: Puts all entries that the process still keeps and that did not end before a moment, in seconds since the
            epoch, into the outbox again.
        new_id: Makes identifiers.
        chance: Makes numbers from 0 to 1, so that not all members fold at once.
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
        self._base = _NOTHING
        self._acknowledged: tuple[int, Own] | None = None
        self._pending: tuple[Publication, Own] | None = None
        self._before_losses: dict[int, Own] = {}
        self._store_id: str | None = None
        self._lost_evicted: Mapping[str, int] = {}
        self._tombstone: tuple[int, bytes | None, Record | None] = (0, None, None)
        self._has_to_learn = False
        self._known: dict[str, tuple[bytes, Record | None]] = {}
        self._window: dict[bytes, Entry | None] = {}
        self._has_to_read = True
        self.view: View | None = None

    @property
    def tombstone(self) -> Record | None:
        """The record of all folded members, as far as this one knows."""
        return self._tombstone[2]

    def own_record(self, own: Own) -> Record:
        """Return what this member contributes: its numbers less what is in the tombstone already."""
        base = self._base
        spend = {day: usd - base.spend.get(day, 0.0) for day, usd in own.spend.items()}
        return Record(self.id, self._seq, 0.0, own.resource, merging.minus(own.families, base.families), spend)

    def records_with(self, view: View, own: Own) -> tuple[Record, ...]:
        """Return the others' records of the view, and this member's own as of now."""
        return (*(one for one in view.records if one.member != self.id), self.own_record(own))

    def spend_of_all(self, view: View, days: Mapping[str, float]) -> dict[str, float]:
        """Return the dollars by day of the others in the view and of this process."""
        return spend_of(self.records_with(view, Own((), {}, days)))

    def exchange(self, unix_s: float, *, read: bool = False, leaving: bool = False, heartbeat: bool = True) -> None:
        """Publish what is new, and read everything into :attr:`view` if asked.

        Args:
            unix_s: Now, in seconds since the epoch.
            read: Whether to read. What is read includes what was published in the same transaction.
            leaving: Whether the process ends.
            heartbeat: Whether to publish also where nothing is new, or to ask where there never was anything.

        Raises:
            StateError: The state cannot be used; what is not published stays, and goes with the next exchange.
        """
        # Who knows what others left behind can bring it back, should the state be lost before it is in the tombstone.
        read = read or self._has_to_read
        for _ in range(_ROUNDS):
            repeated = self._pending is not None
            if self._pending is None:
                own = self._collect()
                self._pending = self._next(own, unix_s, leaving=leaving, heartbeat=heartbeat or read)
            publication = self._pending[0] if self._pending is not None else None
            # Who has nothing to say notices a loss all the same, in time to bring back what he knows.
            if publication is None and not (read or heartbeat):
                return
            receipt = self.backend.exchange(publication, self._known_version(), read=read and not repeated)
            pending, self._pending = self._pending, None
            if self._take(receipt, pending) and not repeated:
                break
        else:
            raise StateError("The shared state does not settle: it was lost again and again.")
        self._look(receipt, own, unix_s)
        self._has_to_read = bool(receipt.silent)
        if receipt.silent and not self._is_settling(receipt) and self._chance() * receipt.members < 1:
            self._fold(receipt.silent, unix_s)

    # -- publishing ------------------------------------------------------------------------------------------------

    def _next(self, own: Own, unix_s: float, *, leaving: bool, heartbeat: bool) -> tuple[Publication, Own] | None:
        """Return what to publish now; None where there is nothing to say, and nobody ever heard of this process."""
        entries = self._outbox.take()
        told = self._acknowledged is not None
        changed = self._differs(own)
        if not (entries or told or merging.counts_anything(own.families)):
            return None
        if not (entries or changed or heartbeat or leaving):
            return None
        self._seq += 1
        data = totals.encode(self.own_record(own)._replace(unix_s=unix_s)) if changed or heartbeat else None
        encoded = [(entry.end_unix_s, totals.encode_entry(entry)) for entry in entries]
        return Publication(member=self.id, seq=self._seq, record=data, entries=encoded, leaving=leaving), own

    def _differs(self, own: Own) -> bool:
        if self._acknowledged is None:
            return True
        before = self._acknowledged[1]
        return own.spend != before.spend or not merging.count_the_same(own.families, before.families)

    def _take(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> bool:
        """Learn what the receipt says; False where the exchange has to be made again."""
        if self._store_id not in {None, receipt.store_id} or self._has_gone_back(receipt, pending):
            self._restore(receipt, pending)
            return False
        self._store_id = receipt.store_id
        if receipt.tombstone_version != self._known_version():
            data = receipt.tombstone
            self._tombstone, self._has_to_learn = (receipt.tombstone_version, data, totals.readable(data)), False
        if pending is None:
            return True
        publication, own = pending
        if receipt.folded_seq is not None:
            self._go_on_as_another(receipt.folded_seq, publication, own)
            return False
        self._acknowledged = (publication.seq, own)
        return True

    def _has_gone_back(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> bool:
        """Return whether the state has forgotten what it acknowledged: an old copy was put in its place."""
        if receipt.tombstone_version < self._tombstone[0]:
            return True
        if pending is None or self._acknowledged is None or receipt.folded_seq is not None:
            return False
        return receipt.kept_seq is None or receipt.kept_seq < self._acknowledged[0]

    def _go_on_as_another(self, folded_seq: int, publication: Publication, own: Own) -> None:
        """Become a new member that counts from what was folded of the old one."""
        if folded_seq == publication.seq:
            self._base = own
        else:
            self._give_back(publication)
            told = self._told()
            if folded_seq not in told:
                failures.note("state.rebase")
            self._base = told.get(folded_seq, told[max(told)] if told else self._base)
        self._acknowledged, self._before_losses = None, {}
        self.id, self._seq = self._new_id(), 0

    def _told(self) -> dict[int, Own]:
        """Return what was acknowledged last, and what may have been before a loss, by sequence number."""
        return self._before_losses | ({} if self._acknowledged is None else dict([self._acknowledged]))

    def _give_back(self, publication: Publication) -> None:
        for _, data in publication.entries:
            self._outbox.put(totals.decode_entry(data))

    def _restore(self, receipt: Receipt, pending: tuple[Publication, Own] | None) -> None:
        """Bring back what was known of a state that was lost; everybody does, the newest of each wins."""
        told = self._told()
        if pending is not None:
            told[pending[0].seq] = pending[1]
        self._before_losses = dict(sorted(told.items())[-_BEFORE_LOSSES:])
        version, data, tombstone = self._tombstone
        records = {
            member: (one.seq, data)
            for member, (data, one) in self._known.items()
            if member != self.id and one is not None
        }
        self.backend.restore(
            Knowledge(
                tombstone=data,
                tombstone_version=version,
                folded=tombstone.folded if tombstone is not None else {},
                records=records,
                evicted=self._lost_evicted,
            )
        )
        contents = self.backend.exchange(None, _UNKNOWN, read=True).contents
        self._store_id, self._has_to_learn, self._acknowledged = receipt.store_id, True, None
        # What is older than a full window has been evicted, and counted, before.
        left = contents.entries if contents is not None else ()
        oldest = totals.readable_entry(left[0]) if len(left) >= self._outbox.capacity else None
        self._refill(oldest.end_unix_s if oldest is not None else -math.inf)

    def _known_version(self) -> int:
        # Of a state that was lost the same number may stand for another tombstone.
        return _UNKNOWN if self._has_to_learn else self._tombstone[0]

    # -- reading ---------------------------------------------------------------------------------------------------

    def _look(self, receipt: Receipt, own: Own, unix_s: float) -> None:
        """Make the view of what was read, if anything was."""
        contents = receipt.contents
        if contents is None:
            return
        known: dict[str, tuple[bytes, Record | None]] = {}
        for member, data in contents.records.items():
            before = self._known.get(member)
            known[member] = before if before is not None and before[0] == data else (data, totals.readable(data))
        self._known = known
        # From one reading to the next most entries are the same, and to decode them costs more than to read them.
        window = self._window
        self._window = {
            data: window[data] if data in window else totals.readable_entry(data) for data in contents.entries
        }
        self._lost_evicted = contents.evicted
        records = [one for _, one in known.values() if one is not None]
        if self.id not in known:
            # It had counted nothing, so it did not publish. What it counts from now on, nobody else could show yet.
            records.append(self.own_record(own)._replace(unix_s=unix_s))
        if self.tombstone is not None:
            records.insert(0, self.tombstone)
        self.view = View(
            tuple(records),
            tuple(entry for entry in self._window.values() if entry is not None),
            contents.evicted,
            receipt.members + (self.id not in known),
            settling=self._is_settling(receipt),
        )

    def _is_settling(self, receipt: Receipt) -> bool:
        restored_s = receipt.rebuilt_age_s
        return receipt.age_s < self._newborn_s or (restored_s is not None and restored_s < self._settle_s)

    # -- folding ---------------------------------------------------------------------------------------------------

    def _fold(self, silent: Mapping[str, int], unix_s: float) -> None:
        """Put members that have gone into the tombstone; whoever does it first wins, the others do nothing."""
        receipt = self.backend.exchange(None, self._known_version(), read=True)
        if not self._take(receipt, None) or receipt.contents is None:
            return
        _, kept, readable = self._tombstone
        if kept is not None and readable is None:  # what cannot be read must not be written over
            return
        gone = {member: seq for member, seq in silent.items() if receipt.silent.get(member) == seq}
        records = [totals.readable(receipt.contents.records.get(member)) for member in gone]
        tombstone = _tombstone([self.tombstone, *records], gone, unix_s)
        self.backend.fold(gone, totals.encode(tombstone), self._tombstone[0])


def _tombstone(records: Iterable[Record | None], gone: Mapping[str, int], unix_s: float) -> Record:
    parts = [one for one in records if one is not None]
    families = merging.lasting(merging.merged([merging.lasting(one.families) for one in parts]))
    folded = [*(item for one in parts for item in one.folded.items()), *gone.items()]
    return Record("", 0, unix_s, {}, families, spend_of(parts), dict(folded[-_FOLDED_REMEMBERED:]))


def spend_of(records: Iterable[Record]) -> dict[str, float]:
    """Return the dollars by day of all records, of the newest months; a clock that is wrong costs no other month."""
    spend: dict[str, float] = {}
    for one in records:
        for day, usd in one.spend.items():
            spend[day] = spend.get(day, 0.0) + usd
    months = sorted({day[:7] for day in spend})[-_MONTHS_KEPT:]
    return {day: usd for day, usd in sorted(spend.items()) if day[:7] in months}
