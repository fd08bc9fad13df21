"""A shared state in this process's memory that fails on demand, before or after it has applied a call.

A test can also set what the process does `meanwhile`, during an exchange.
"""

import copy

from hydrochat_otel.fleet.backend import Contents, Receipt
from hydrochat_otel.fleet.bounds import StateError


class Store:
    """What is stored; a test moves its clock."""

    def __init__(self):
        self.now_s = 1_750_000_000.0
        self.lost = 0
        self.empty()

    def empty(self):
        self.lost += 1
        self.id, self.made_s, self.rebuilt_s = f"store-{self.lost}", self.now_s, None
        self.totals, self.seqs, self.seen, self.merged = {}, {}, {}, {}
        self.version, self.departed, self.entries, self.evicted = 0, None, {}, {"capacity": 0, "age": 0}

    def go_back(self, copied):
        """Return to a copy of the variables, but at the current time, and record a restart."""
        vars(self).update(copy.deepcopy(copied) | {"now_s": self.now_s, "rebuilt_s": self.now_s})

    def keep_departed(self, merged):
        for one, seq in merged.items():
            self.merged[one] = seq
            for kept in (self.totals, self.seqs, self.seen):
                kept.pop(one, None)


class InMemoryBackend:
    """One member's connection to the store."""

    kind = "memory"

    def __init__(self, store, silent_after_s=10.0, max_entries=1000):
        self.store, self.silent_after_s, self.max_entries = store, silent_after_s, max_entries
        self.failing = None
        self.meanwhile = lambda: None

    def exchange(self, publication, known_departed_version, *, read):
        self._fail("before")
        self.meanwhile()
        store, kept_seq, merged_seq = self.store, None, None
        if publication is not None:
            merged_seq = store.merged.get(publication.member)
            if merged_seq is None:
                kept_seq = self._apply(publication)
        silent = {one: store.seqs[one] for one, seen in store.seen.items() if store.now_s - seen > self.silent_after_s}
        receipt = Receipt(
            store_id=store.id,
            age_s=store.now_s - store.made_s,
            restored_age_s=None if store.rebuilt_s is None else store.now_s - store.rebuilt_s,
            merged_seq=merged_seq,
            kept_seq=kept_seq,
            departed_version=store.version,
            departed=None if store.version == known_departed_version else store.departed,
            members=len(store.seen) - len(silent),
            silent=silent,
            contents=Contents(
                totals=dict(store.totals),
                entries=[data for data, _ in sorted(store.entries.items(), key=lambda item: item[1])],
                evicted=dict(store.evicted),
            )
            if read
            else None,
        )
        self._fail("after")
        return receipt

    def _apply(self, publication):
        store, member = self.store, publication.member
        kept_seq = store.seqs.get(member)
        missing = kept_seq is None and publication.totals is None
        if not missing and publication.seq > store.seqs.get(member, -1):
            store.seqs[member] = publication.seq
            if publication.totals is not None:
                store.totals[member] = publication.totals
            store.entries.update({data: end_unix_s for end_unix_s, data in publication.entries})
            while len(store.entries) > self.max_entries:
                del store.entries[min(store.entries, key=store.entries.get)]
                store.evicted["capacity"] += 1
        if not missing:
            store.seen[member] = float("-inf") if publication.leaving else store.now_s
        return kept_seq

    def merge(self, merged, departed, known_departed_version):
        self._fail("before")
        store = self.store
        if store.version != known_departed_version or any(store.seqs.get(one) != seq for one, seq in merged.items()):
            return False
        store.version, store.departed = store.version + 1, departed
        store.keep_departed(merged)
        self._fail("after")
        return True

    def restore(self, knowledge):
        self._fail("before")
        store = self.store
        store.rebuilt_s = store.now_s
        if knowledge.departed is not None and knowledge.departed_version > store.version:
            store.version, store.departed = knowledge.departed_version, knowledge.departed
            store.keep_departed(knowledge.merged)
        for one, (seq, data) in knowledge.totals.items():
            if one not in store.merged and seq > store.seqs.get(one, -1):
                store.totals[one], store.seqs[one] = data, seq
                store.seen.setdefault(one, store.now_s)
        for reason, count in knowledge.evicted.items():
            store.evicted[reason] = max(count, store.evicted.get(reason, 0))

    def close(self):
        pass

    abandon = close

    def _fail(self, when):
        if self.failing == when:
            raise StateError("The state is unreachable.")
