"""The behaviour contract on real Redis servers; restarts and losses of Redis, forks of ours."""

import time
from dataclasses import replace

import pytest
import redis
from fleet import forked
from fleet.backend_contract import *  # noqa: F403 - each function of it is a test of this backend, too
from fleet.backend_contract import NOW_S, contents, entries, everything, receipt, run_all, said
from fleet.in_memory_backend import Store
from fleet.merge_contract import *  # noqa: F403 - as above
from fleet.processes import eventually
from fleet.redis_calls import PATIENT_S, fill, keys, refusal, works
from fleet.redis_servers import ClusterServer, RedisServer
from fleet.workers import Worker
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from hydrochat_otel.fleet.backend import KEEP_S, Knowledge
from hydrochat_otel.fleet.bounds import Bounds

pytestmark = pytest.mark.real

pytest_plugins = ["fleet.redis_fixtures"]


@pytest.fixture(params=["alone", "sentinel", "cluster"])
def make_backend(request, shared, connect):
    return lambda bounds=None: connect(shared(request.param).url, bounds, timeout_s=PATIENT_S)


# -- what is kept --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["alone", "cluster"])
def test_concurrent_publications_of_processes_are_all_stored(connect, shared, topology):
    """Eight processes with two hundred publications each lose none of them."""
    members, rounds = 8, 200
    backend = connect(shared(topology).url, Bounds(max_entries=members * rounds), timeout_s=PATIENT_S)
    gate = forked.Gate()

    def publish(number):
        gate.pass_through()
        for seq in range(1, rounds + 1):
            text = f"{number}:{seq}".encode()
            backend.exchange(said(f"{number}", seq, text, [(NOW_S, text)]), 0, read=False)

    children = [forked.start(lambda number=number: publish(number)) for number in range(members)]
    gate.open()
    forked.wait(*children)
    kept = everything(backend).contents
    assert kept.totals == {f"{number}": f"{number}:{rounds}".encode() for number in range(members)}
    assert sorted(kept.entries) == sorted(
        f"{number}:{seq}".encode() for number in range(members) for seq in range(1, rounds + 1)
    )


def test_an_entry_without_a_time_stops_no_publication(make_backend):
    """An entry whose end is not a number is left out, and the publication is stored."""
    backend = make_backend()
    backend.exchange(said(entries=[(float("nan"), b"never"), (NOW_S, b"now")]), 0, read=False)
    assert everything(backend).contents == contents({"one": b"totals"}, [b"now"])


def test_time_passes_by_the_clock_of_redis(connect, shared):
    """By the clock of Redis alone a state ages, members fall silent, entries expire, and a restore recedes."""
    backend = connect(shared("alone").url, Bounds(ttl_s=0.2, silent_after_s=0.2))
    young = backend.exchange(said(entries=[(time.time() + 0.1, b"entry")]), 0, read=True)
    backend.restore(Knowledge())
    eventually(lambda: everything(backend).contents.evicted == {"age": 1})
    old = backend.exchange(None, 0, read=True)
    assert (old.members, old.silent, old.contents.entries) == (0, {"one": 1}, [])
    assert old.age_s > old.restored_age_s > young.age_s >= 0
    assert old.store_id == young.store_id


def test_large_numbers_stay_whole(make_backend):
    """Sequence numbers, versions and counts are whole up to 2**53."""
    large, backend = 2**53 - 2, make_backend()
    knowledge = Knowledge(
        departed=b"departed", departed_version=large - 1, totals={"lost": (large, b"9")}, evicted={"age": large}
    )
    backend.restore(knowledge)
    assert backend.merge({"lost": large}, b"newer", large - 1) is True
    answer = backend.exchange(said("lost", seq=large + 1), large, read=True)
    assert (answer.merged_seq, answer.departed_version, answer.departed) == (large, large, None)
    assert answer.contents.evicted == {"age": large}


def test_the_keys_are_few_and_are_forgotten_in_the_end(connect, shared, group):
    """All keys share one tag with the schema's version, and each has a time to live; there are eight."""
    backend = connect(shared("alone").url, Bounds(max_entries=1))
    for member in ("one", "two"):
        backend.exchange(said(member, entries=entries(1, 2)), 0, read=False)
    assert backend.merge({"one": 1}, b"departed", 0)
    with shared("alone").client() as client:
        kept = keys(client, group)
        assert kept == sorted(
            f"hydrochat_otel:{{{group}}}:v1:{name}".encode()
            for name in ("meta", "evicted", "totals", "seqs", "seen", "entries", "merged", "merged_seqs")
        )
        for key in kept:
            client.expire(key, 1000)
        backend.exchange(None, 0, read=False)
        assert {KEEP_S - client.ttl(key) <= 60 for key in kept} == {True}


@pytest.mark.parametrize("topology", ["alone", "cluster"])
def test_each_service_has_a_state_of_its_own(connect, shared, group, topology):
    """Whatever is in the name of a service, it has its own state, also in a cluster."""
    names = [group + name for name in ("", "}", "{", "{}", "a}b{c", "%7D", "*", ":v1:meta", "Wunde ü\udc80", "\0\n")]
    backends = [connect(shared(topology).url, group=name) for name in (*names, "")]
    for number, backend in enumerate(backends):
        backend.exchange(said(totals=b"%d" % number), 0, read=False)
    assert [everything(backend).contents.totals["one"] for backend in backends] == [
        b"%d" % number for number in range(len(backends))
    ]
    with shared(topology).client() as client:
        # The state without a name stays behind in the shared server.
        client.delete(*client.keys("hydrochat_otel:{%}*"))


# -- restarts and losses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_redis_that_saves_keeps_the_state_over_a_restart(connect, start, how):
    """With an append-only file the state survives, and the first call after the restart succeeds."""
    server = start("--appendonly", "yes", "--appendfsync", "always")
    backend = connect(server.url)
    filled = fill(backend)
    getattr(server, how)()
    if how == "kill":
        server.start()
    server.await_loaded()
    assert (backend.exchange(None, 0, read=False).store_id, everything(backend)) == filled


@pytest.mark.parametrize("kind", [RedisServer, ClusterServer])
def test_a_restarted_redis_may_be_rolled_back(connect, start, kind):
    """The first call after the restart counts as a restore, so that totals wait until all members have published."""
    server = start("--appendonly", "yes", kind=kind)
    first, second = connect(server.url), connect(server.url)
    assert first.exchange(said("one"), 0, read=False).restored_age_s is None
    assert second.exchange(said("two"), 0, read=False).restored_age_s is None
    server.restart()
    noticed = eventually_works(second)
    assert 0 <= noticed.restored_age_s < 30
    assert first.exchange(None, 0, read=False).restored_age_s >= noticed.restored_age_s


@pytest.mark.parametrize("kind", [RedisServer, ClusterServer])
def test_a_redis_that_saves_nothing_begins_a_new_state(connect, start, kind):
    """After a kill the first call succeeds and finds a new state."""
    server = start(kind=kind)
    backend = connect(server.url)
    store_id, _ = fill(backend)
    server.kill()
    server.start()
    assert eventually_works(backend).store_id != store_id
    assert everything(backend) == receipt()


def eventually_works(backend):
    """Return the first answer; a cluster accepts calls only a moment after its start."""
    eventually(lambda: works(backend))
    return backend.exchange(None, 0, read=True)


def test_an_emptied_redis_begins_a_new_state(connect, server):
    """After FLUSHALL there is a new state, which can be restored."""
    backend = connect(server.url)
    store_id, _ = fill(backend)
    with server.client() as client:
        client.flushall()
    after = backend.exchange(said("two", seq=2, totals=None), 1, read=True)
    assert after.store_id != store_id
    assert (after.kept_seq, after.departed_version, after.contents) == (None, 0, contents())


def test_a_redis_with_old_data_is_restored_with_departed_and_live_members(connect, start):
    """Redis was killed after its last snapshot: members that left since are still in the totals, none twice."""
    server, clock = start("--save", "3600 1"), Store()
    alive, other, departed = (Worker(clock, connect(server.url, timeout_s=PATIENT_S), settle_s=0.0) for _ in range(3))
    for worker, count in ((alive, 1), (other, 20), (departed, 300)):
        worker.work(count)
        assert worker.publish(clock)
    with server.client() as client:
        client.save()
    departed.work(4000)
    assert departed.publish(clock, leaving=True)
    assert alive.publish(clock)
    assert other.read(clock) == alive.read(clock) == 4321
    server.kill()
    server.start()
    assert other.publish(clock)
    assert other.read(clock) == alive.read(clock) == 4321


@pytest.mark.parametrize("name", ["meta", "evicted", "totals", "seqs", "seen", "entries", "merged", "merged_seqs"])
def test_a_state_of_which_redis_dropped_a_part_is_a_lost_one(connect, server, group, name):
    """Whichever key is evicted, the rest does not count as the whole: a new state is made."""
    backend = connect(server.url)
    store_id, _ = fill(backend)
    with server.client() as client:
        assert client.delete(f"hydrochat_otel:{{{group}}}:v1:{name}") == 1
    assert backend.exchange(None, 0, read=False).store_id != store_id
    assert everything(backend) == receipt()


@pytest.mark.parametrize("topology", ["alone", "cluster"])
def test_a_redis_without_the_scripts_gets_them_again(connect, shared, topology):
    """After SCRIPT FLUSH each of the three calls succeeds."""
    backend = connect(shared(topology).url)
    calls = [
        lambda: backend.exchange(said(), 0, read=False),
        lambda: backend.restore(Knowledge()),
        lambda: backend.merge({"one": 1}, b"departed", 0),
    ]
    with shared(topology).client() as client:
        for call in calls:
            client.script_flush()
            call()
    assert everything(backend).departed == b"departed"


def test_a_broken_connection_is_replaced(connect, shared):
    """When Redis has closed the connection, the next call makes another one and succeeds."""
    backend = connect(shared("alone").url)
    fill(backend)
    with shared("alone").client() as client:
        for connection in client.client_list():
            if connection["name"] == "hydrochat_otel":
                client.client_kill_filter(_id=connection["id"])
    assert works(backend)


# -- forks, and the host's telemetry -------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["alone", "sentinel", "cluster"])
@pytest.mark.parametrize("with_hooks", [True, False])
def test_parent_and_child_both_go_on(connect, shared, topology, with_hooks):
    """After a fork the child has its own connection and the parent keeps its own, with or without fork hooks."""
    backend = connect(shared(topology).url)
    backend.exchange(said("parent"), 0, read=False)

    def connections():
        with shared("alone" if topology == "sentinel" else topology).client() as client:
            return {one["id"] for one in client.client_list() if one["name"] == "hydrochat_otel"}

    before = connections()

    def publish():
        if with_hooks:
            backend.abandon()
        for seq in range(1, 20):
            backend.exchange(said("child", seq), 0, read=False)
        assert len(connections()) == len(before) + 1
        backend.close()

    child = forked.start(publish)
    for seq in range(2, 20):
        backend.exchange(said("parent", seq), 0, read=False)
    forked.wait(child)
    assert everything(backend).contents.totals == {"parent": b"totals", "child": b"totals"}
    assert connections() >= before


def test_our_calls_are_in_no_spans(connect, shared, monkeypatch):
    """Our calls suppress instrumentation of redis while they run, and only then."""
    seen = []
    execute = redis.Redis.execute_command

    def executed(*given, **options):
        seen.append(is_instrumentation_enabled())
        return execute(*given, **options)

    monkeypatch.setattr(redis.Redis, "execute_command", executed)
    assert works(connect(shared("alone").url))
    refusal(connect("redis://127.0.0.1:1"))
    assert (set(seen), len(seen) >= 2, is_instrumentation_enabled()) == ({False}, True, True)


def test_several_threads_of_several_backends(connect, shared):
    """Backends in several threads do not disturb each other."""
    backends = [connect(shared("alone").url, timeout_s=PATIENT_S) for _ in range(4)]

    def publish(number):
        for seq in range(1, 50):
            backends[number].exchange(said(f"{number}", seq), 0, read=True)

    run_all(publish, len(backends))
    assert replace(everything(backends[0]), contents=None) == receipt(members=4, contents=None)
