"""The behaviour contract on real Redis servers, and what happens to Redis: ends, losses, refusals and forks."""

import os
import re
import socket
import subprocess
import threading
import time
import uuid
from dataclasses import replace

import forked
import pytest
import redis
from backend_contract import *  # noqa: F403 - each function of it is a test of this backend, too
from backend_contract import NOW_S, contents, entries, everything, receipt, run_all, said
from conftest import require_program
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from redis_servers import MASTER, ClusterServer, RedisServer, SentinelServer
from tests_of_state import eventually

from hydrochat_otel.state.backend import KEEP_S, Bounds, Knowledge, StateError
from hydrochat_otel.state.redis import RedisBackend

SECRET = "s3cretWound"
PATIENT_S = 30.0
"""A time-out for tests that are not about time."""


@pytest.fixture(scope="module")
def program():
    return require_program("redis-server", "redis-server")


@pytest.fixture(scope="module")
def shared(program, tmp_path_factory):
    """Return the server of a topology, which all tests that leave it as it was use."""
    servers = {}

    def get(topology):
        if topology not in servers:
            directory = tmp_path_factory.mktemp(topology)
            if topology == "sentinel":
                server = SentinelServer(program, directory, get("alone"))
            else:
                server = {"alone": RedisServer, "cluster": ClusterServer}[topology](program, directory)
            servers[topology] = server.start()
        return servers[topology]

    yield get
    for server in servers.values():
        server.kill()


@pytest.fixture
def group():
    return uuid.uuid4().hex


@pytest.fixture
def connect(group):
    """Return another backend on the address; all are closed at the end."""
    made = []

    def connect(url, bounds=None, **changes):
        made.append(RedisBackend(url, changes.pop("group", group), bounds or Bounds(), **changes))
        return made[-1]

    yield connect
    for backend in made:
        backend.close()


@pytest.fixture(params=["alone", "sentinel", "cluster"])
def make_backend(request, shared, connect):
    return lambda bounds=None: connect(shared(request.param).url, bounds, timeout_s=PATIENT_S)


@pytest.fixture
def server(program, tmp_path):
    """A server of this test's own."""
    with RedisServer(program, tmp_path / "redis") as server:
        yield server


@pytest.fixture
def start(program, tmp_path):
    """Return another server of this test's own, with options."""
    started = []

    def start(*options, kind=RedisServer, **changes):
        started.append(kind(program, tmp_path / f"redis-{len(started)}", *options, **changes))
        return started[-1].start()

    yield start
    for one in started:
        one.kill()


def refusal(backend, publication=None):
    """Return why the backend cannot be used; it is one sentence, and hides nothing behind it."""
    with pytest.raises(StateError) as raised:
        backend.exchange(publication or said(seq=99), 0, read=True)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    text = str(raised.value)
    assert re.fullmatch(r"The shared state at [^\n]+ [^\n]+[^.]\.", text)
    return text


def works(backend, publication=None):
    """Return whether the backend can be used now."""
    try:
        backend.exchange(publication, 0, read=True)
    except StateError:
        return False
    return True


def keys(client, group):
    return sorted(client.scan_iter(match=f"*{group}*", count=1000))


# -- what is kept --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["alone", "cluster"])
def test_all_that_many_processes_publish_at_once_is_kept(connect, shared, topology):
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
    assert kept.records == {f"{number}": f"{number}:{rounds}".encode() for number in range(members)}
    assert sorted(kept.entries) == sorted(
        f"{number}:{seq}".encode() for number in range(members) for seq in range(1, rounds + 1)
    )


def test_an_entry_without_a_time_stops_nobody(make_backend):
    """An entry whose end is no number is left out, and the publication is kept."""
    backend = make_backend()
    backend.exchange(said(entries=[(float("nan"), b"never"), (NOW_S, b"now")]), 0, read=False)
    assert everything(backend).contents == contents({"one": b"record"}, [b"now"])


def test_time_passes_by_the_clock_of_redis(connect, shared):
    """A state grows older, members fall silent, entries expire, and a restoration is a while ago, by themselves."""
    backend = connect(shared("alone").url, Bounds(ttl_s=0.2, silent_after_s=0.2))
    young = backend.exchange(said(entries=[(time.time() + 0.1, b"entry")]), 0, read=True)
    backend.restore(Knowledge())
    eventually(lambda: everything(backend).contents.evicted == {"age": 1})
    old = backend.exchange(None, 0, read=True)
    assert (old.members, old.silent, old.contents.entries) == (0, {"one": 1}, [])
    assert old.age_s > old.rebuilt_age_s > young.age_s >= 0
    assert old.store_id == young.store_id


def test_large_numbers_stay_whole(make_backend):
    """Sequence numbers, versions and counts are whole up to 2**53."""
    large, backend = 2**53 - 2, make_backend()
    knowledge = Knowledge(b"tombstone", large - 1, {"lost": (large, b"9")}, {"age": large})
    backend.restore(knowledge)
    assert backend.fold({"lost": large}, b"newer", large - 1) is True
    answer = backend.exchange(said("lost", seq=large + 1), large, read=True)
    assert (answer.folded_seq, answer.tombstone_version, answer.tombstone) == (large, large, None)
    assert answer.contents.evicted == {"age": large}


def test_the_keys_are_few_and_are_forgotten_in_the_end(connect, shared, group):
    """Everything is under eight keys of one tag with the schema's version, and each has its time to live."""
    backend = connect(shared("alone").url, Bounds(max_entries=1))
    for member in ("one", "two"):
        backend.exchange(said(member, entries=entries(1, 2)), 0, read=False)
    assert backend.fold({"one": 1}, b"tombstone", 0)
    with shared("alone").client() as client:
        kept = keys(client, group)
        assert kept == sorted(
            f"hydrochat_otel:{{{group}}}:v1:{name}".encode()
            for name in ("meta", "evicted", "records", "seqs", "seen", "entries", "folded", "folded_seqs")
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
        backend.exchange(said(record=b"%d" % number), 0, read=False)
    assert [everything(backend).contents.records["one"] for backend in backends] == [
        b"%d" % number for number in range(len(backends))
    ]
    with shared(topology).client() as client:
        # The one of no name stays behind in the shared server.
        client.delete(*client.keys("hydrochat_otel:{%}*"))


# -- restarts and losses -------------------------------------------------------------------------------------------


def fill(backend):
    """Publish, fold and restore something of everything; return what is in it, and the state's identifier."""
    for member in ("one", "two"):
        backend.exchange(said(member, entries=entries(1, 2)), 0, read=False)
    backend.restore(Knowledge(evicted={"age": 5}))
    assert backend.fold({"one": 1}, b"tombstone", 0)
    return backend.exchange(None, 0, read=False).store_id, everything(backend)


@pytest.mark.parametrize("how", ["restart", "kill"])
def test_a_redis_that_saves_keeps_the_state_over_a_restart(connect, start, how):
    """With an append-only file the state survives, and the first call after the restart goes through."""
    server = start("--appendonly", "yes", "--appendfsync", "always")
    backend = connect(server.url)
    filled = fill(backend)
    getattr(server, how)()
    if how == "kill":
        server.start()
    assert (backend.exchange(None, 0, read=False).store_id, everything(backend)) == filled


@pytest.mark.parametrize("kind", [RedisServer, ClusterServer])
def test_a_redis_that_saves_nothing_begins_a_new_state(connect, start, kind):
    """After a kill the first call goes through and finds a state that was made anew."""
    server = start(kind=kind)
    backend = connect(server.url)
    store_id, _ = fill(backend)
    server.kill()
    server.start()
    assert eventually_works(backend).store_id != store_id
    assert everything(backend) == receipt()


def eventually_works(backend):
    """Return the first answer; a cluster that starts is up only a moment later."""
    eventually(lambda: works(backend))
    return backend.exchange(None, 0, read=True)


def test_an_emptied_redis_begins_a_new_state(connect, server):
    """After FLUSHALL there is a new state, which can be restored."""
    backend = connect(server.url)
    store_id, _ = fill(backend)
    with server.client() as client:
        client.flushall()
    after = backend.exchange(said("two", seq=2, record=None), 1, read=True)
    assert after.store_id != store_id
    assert (after.missing, after.tombstone_version, after.contents) == (True, 0, contents())


@pytest.mark.parametrize(
    "name", ["meta", "evicted", "records", "seqs", "seen", "entries", "folded", "folded_seqs"]
)
def test_a_state_of_which_redis_dropped_a_part_is_a_lost_one(connect, server, group, name):
    """Whichever key is evicted, the rest is not taken for the whole: a new state begins."""
    backend = connect(server.url)
    store_id, _ = fill(backend)
    with server.client() as client:
        assert client.delete(f"hydrochat_otel:{{{group}}}:v1:{name}") == 1
    assert backend.exchange(None, 0, read=False).store_id != store_id
    assert everything(backend) == receipt()


@pytest.mark.parametrize("topology", ["alone", "cluster"])
def test_a_redis_that_forgot_the_scripts_is_told_them_again(connect, shared, topology):
    """After SCRIPT FLUSH each of the three calls goes through."""
    backend = connect(shared(topology).url)
    calls = [
        lambda: backend.exchange(said(), 0, read=False),
        lambda: backend.restore(Knowledge()),
        lambda: backend.fold({"one": 1}, b"tombstone", 0),
    ]
    with shared(topology).client() as client:
        for call in calls:
            client.script_flush()
            call()
    assert everything(backend).tombstone == b"tombstone"


def test_a_broken_connection_is_replaced(connect, shared):
    """When Redis has closed the connection, the next call makes another one and goes through."""
    backend = connect(shared("alone").url)
    fill(backend)
    with shared("alone").client() as client:
        for connection in client.client_list():
            if connection["name"] == "hydrochat_otel":
                client.client_kill_filter(_id=connection["id"])
    assert works(backend)


# -- refusals ------------------------------------------------------------------------------------------------------


def test_a_redis_that_is_away_is_a_sentence_until_it_is_back(connect, server):
    """Nothing is lost by its absence, and the next call after it goes through."""
    backend = connect(server.url)
    server.stop()
    away = f"The shared state at redis://127.0.0.1:{server.port}/0 cannot be reached: start it, or give its address"
    assert refusal(backend) == away + " in HYDROCHAT_STATE."
    assert refusal(backend) == away + " in HYDROCHAT_STATE."
    server.start()
    assert works(backend)


@pytest.mark.parametrize("kind", [RedisServer, ClusterServer])
def test_a_redis_that_hangs_is_given_up(connect, start, kind):
    """A Redis that accepts connections and answers nothing is a sentence; when it goes on, so do we."""
    server = start(kind=kind)
    backend = connect(server.url, timeout_s=0.1)
    assert works(backend)
    server.pause()
    for _ in range(2):
        assert "did not answer within 0.1 s; it is tried again." in refusal(backend)
    server.resume()
    eventually(lambda: works(backend))


def test_a_publication_that_came_late_is_applied_once(connect, server):
    """What a paused Redis applies after we gave up, and what is sent again, is in the state once."""
    backend, other = connect(server.url, timeout_s=0.1), connect(server.url, timeout_s=PATIENT_S)
    backend.exchange(said(seq=1), 0, read=False)
    with server.client() as client:
        client.client_pause(500, all=True)
    late = said(seq=2, record=b"late", entries=entries(1))
    assert "did not answer" in refusal(backend, late)
    eventually(lambda: works(backend, late))
    assert everything(other).contents == contents({"one": b"late"}, [b"1"])


@pytest.mark.parametrize("attempts", [1, 2])
def test_who_does_not_answer_is_asked_once(connect, attempts):
    """A call that waited in vain is not repeated within the call."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            while True:
                try:
                    asked.append(listening.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        backend = connect(f"redis://127.0.0.1:{listening.getsockname()[1]}", timeout_s=0.05)
        for _ in range(attempts):
            assert "did not answer" in refusal(backend)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()
    for connection in asked:
        connection.close()
    assert len(asked) == attempts


def test_a_full_redis_refuses_the_whole_publication(connect, start):
    """Where there is no memory nothing of a publication is kept, and all of it once there is."""
    server = start("--maxmemory-policy", "noeviction")
    backend = connect(server.url)
    backend.exchange(said(), 0, read=False)
    before = everything(backend)
    more = said(seq=2, record=b"2", entries=entries(1, 2))
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        assert "is full: give it more memory (maxmemory)." in refusal(backend, more)
        assert refusal(connect(server.url, group="new")) == refusal(backend, more)
        with pytest.raises(StateError, match="is full"):
            backend.restore(Knowledge(records={"lost": (1, b"1")}))
        with pytest.raises(StateError, match="is full"):
            backend.fold({"one": 1}, b"tombstone", 0)
        # Reading needs no memory.
        assert everything(backend) == before
        client.config_set("maxmemory", "0")
    backend.exchange(more, 0, read=False)
    assert everything(backend).contents == contents({"one": b"2"}, [b"2", b"1"])


def test_a_redis_that_drops_keys_for_memory_is_survived(connect, start, group):
    """Where Redis may evict anything, whoever else fills it, there is always a state, whole or new."""
    server = start("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random")
    backend = connect(server.url)
    store_ids = set()
    with server.client() as client:
        for number in range(1, 200):
            client.set(f"cache:{number}", bytes(50_000))
            answer = backend.exchange(said(seq=number, entries=entries(number)), 0, read=True)
            store_ids.add(answer.store_id)
            assert answer.contents.records == {"one": b"record"}
    assert len(store_ids) > 1


def test_somebody_elses_key_is_left_alone(connect, server, group):
    """A key of another type under our name is a sentence, and nothing of ours or theirs changes."""
    backend = connect(server.url)
    with server.client() as client:
        theirs = f"hydrochat_otel:{{{group}}}:v1:entries"
        client.set(theirs, "theirs")
        sentence = f"holds somebody else's data under the keys hydrochat_otel:{{{group}}}:v1:*: name another database."
        assert sentence in refusal(backend)
        assert (keys(client, group), client.get(theirs)) == ([theirs.encode()], b"theirs")
        client.delete(theirs)
        fill(backend)
        client.hset(theirs.replace("entries", "folded"), "of another", "type") if False else None
        client.delete(theirs)
        client.set(theirs, "theirs")
        before = client.hgetall(theirs.replace("entries", "records"))
        assert sentence in refusal(backend)
        assert (client.hgetall(theirs.replace("entries", "records")), client.get(theirs)) == (before, b"theirs")


def test_a_wrong_password_is_a_sentence_without_it(connect, start, caplog):
    """Whatever is wrong with the password, neither it nor the right one is told, and the right one works."""
    server = start("--requirepass", SECRET)
    caplog.set_level("DEBUG")
    place = f"127.0.0.1:{server.port}"
    for url in (f"redis://{place}", f"redis://:{SECRET}x@{place}", f"redis://user:{SECRET}x@{place}"):
        assert refusal(connect(url)) == (
            f"The shared state at redis://{place}/0 refuses the user or the password:"
            " give the right ones in HYDROCHAT_STATE."
        )
    assert works(connect(f"redis://:{SECRET}@{place}"))
    assert SECRET not in caplog.text


def test_a_user_of_few_rights_is_enough(connect, server, group):
    """The rights that the documentation names suffice; without them it is a sentence."""
    rights = "+eval +evalsha +client|setname +client|setinfo +type +time +del +expire +@hash +@sortedset"
    with server.client() as client:
        client.execute_command("ACL SETUSER", "ours", "on", f">{SECRET}", "~hydrochat_otel:*", *rights.split())
        client.execute_command("ACL SETUSER", "elsewhere", "on", f">{SECRET}", "~else:*", "+@all")
        client.execute_command("ACL SETUSER", "reader", "on", f">{SECRET}", "~*", "+@read", "+@connection")
    for user, keeps in (("ours", True), ("elsewhere", False), ("reader", False)):
        backend = connect(f"redis://{user}:{SECRET}@127.0.0.1:{server.port}")
        if keeps:
            fill(backend)
        else:
            assert "does not let this user run scripts on the keys hydrochat_otel:{" in refusal(backend)


def test_a_replica_is_a_sentence(connect, server, start):
    """A replica is not written, and the sentence says what to name."""
    replica = start("--replicaof", f"127.0.0.1 {server.port}")
    assert refusal(connect(replica.url)).endswith(
        " is a replica, which cannot be written: name its master, or Sentinels."
    )


def test_a_redis_that_cannot_save_is_a_sentence(connect, start):
    """A Redis that stopped writing because its disk failed says so, nothing changes, and it recovers."""
    server = start("--save", "1000 1")
    backend = connect(server.url)
    fill(backend)
    before = everything(backend)
    with server.client() as client:
        elsewhere = server.directory.rename(server.directory.with_name("moved"))
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert "writes nothing, because it cannot save to its disk: make room there." in refusal(backend)
        elsewhere.rename(server.directory)
        client.config_set("dir", str(server.directory))
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")
    assert everything(backend) == before


def test_a_redis_that_loads_is_a_sentence(connect, start):
    """While Redis reads its file it says so, and afterwards what was kept is there."""
    server = start("--save", "1000 1", "--loading-process-events-interval-bytes", "1024")
    backend = connect(server.url)
    filled = fill(backend)
    with server.client() as client:
        client.mset({f"large:{number}": os.urandom(4096) for number in range(200)})
        client.save()
        client.config_set("key-load-delay", "0")
    server.kill()
    slow = ("--key-load-delay", "10000")
    server._command += slow
    server.start()
    assert "is still loading its data; it is tried again." in refusal(backend)
    eventually(lambda: works(backend))
    assert (backend.exchange(None, 0, read=False).store_id, everything(backend)) == filled


def test_a_busy_redis_is_a_sentence(connect, start):
    """While somebody's script holds Redis up it says so."""
    server = start("--busy-reply-threshold", "10")
    backend = connect(server.url, timeout_s=PATIENT_S)
    assert works(backend)

    def hold_up():
        with server.client() as client, pytest.raises(redis.ResponseError):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=hold_up)
    thread.start()
    with server.client() as client:
        eventually(lambda: not works(backend))
        assert "is busy with somebody's script; it is tried again." in refusal(backend)
        client.script_kill()
    thread.join()
    assert works(backend)


def test_too_many_clients_are_a_sentence(connect, server):
    """A Redis that takes no more connections says so."""
    with server.client() as client:
        client.ping()
        client.config_set("maxclients", "1")
        assert "has too many clients: let it have more (maxclients)." in refusal(connect(server.url))


def test_the_wrong_topology_is_a_sentence(connect, shared):
    """A node of a cluster named as a Redis, and the other way round, say what to write."""
    alone, cluster = shared("alone"), shared("cluster")
    assert "is no cluster: name it as redis://." in refusal(connect(f"redis+cluster://127.0.0.1:{alone.port}"))
    with cluster.client() as client:
        # A slot that somebody else has: the node points there.
        group = "elsewhere"
        slot = client.cluster("KEYSLOT", f"hydrochat_otel:{{{group}}}:v1:meta")
        client.cluster("DELSLOTS", slot)
        try:
            sentence = refusal(connect(f"redis://127.0.0.1:{cluster.port}", group=group))
        finally:
            client.cluster("ADDSLOTS", slot)
    assert sentence.endswith(" is a cluster of which a part is down; it is tried again.")


def test_an_unknown_option_is_a_sentence(connect, shared):
    """An option that redis-py does not have is told as such; one of ours cannot be changed."""
    url = shared("alone").url
    assert "there is an option in HYDROCHAT_STATE that redis-py does not know." in refusal(connect(url + "?nothing=1"))
    assert works(connect(url + "?decode_responses=True&protocol=3&socket_timeout=0.000001"))


@pytest.mark.parametrize(
    "url",
    [
        f"redis://:{SECRET}/x@host:6379/0",
        f"redis://:12#{SECRET}@host",
        f"redis://:12?{SECRET}@host",
        f"redis://user:{SECRET}@host:port",
        f"redis://user:{SECRET}@host:123456",
        f"redis://user:{SECRET}@host/{SECRET}",
        f"redis://user:{SECRET}@[::1",
        f"redis+sentinel://:{SECRET}@host",
        f"redis+sentinel://:{SECRET}@host,/master",
        f"redis+sentinel://:{SECRET}@host/master/first",
        f"redis+cluster://:{SECRET}@",
        f"redis+cluster://:{SECRET}@host/1",
        f"redis+else://:{SECRET}@host",
        f"unix+sentinel://:{SECRET}@/path",
        f"unix://:{SECRET}@",
        f"unix://:{SECRET}/x@/path",
        f"http://:{SECRET}@host",
    ],
)
def test_an_unreadable_address_is_refused_without_telling_it(url):
    """What cannot be read may hold a password anywhere, so nothing of it is told."""
    with pytest.raises(StateError) as raised:
        RedisBackend(url, "group", Bounds())
    assert raised.value.__suppress_context__
    assert str(raised.value) == (
        "HYDROCHAT_STATE is not an address of a Redis such as redis://user:password@host:6379/0; "
        "other signs than letters and digits in user and password must be percent-encoded."
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://", "redis://localhost:6379/0"),
        (f"redis://:{SECRET}@127.0.0.1:1/3", "redis://127.0.0.1:1/3"),
        (f"rediss://u%40x:{SECRET}%2F%40@127.0.0.1:1", "redis://127.0.0.1:1/0"),
        (f"redis://u:{SECRET}@[::1]:1?db=4", "redis://::1:1/4"),
        (f"unix://u:{SECRET}@/no/such%20socket?db=1", "unix:///no/such socket"),
        (f"unix:///no/socket?password={SECRET}", "unix:///no/socket"),
        (f"redis+cluster://u:{SECRET}@127.0.0.1:1,[::1]:2", "redis+cluster://127.0.0.1:1,::1:2"),
        (
            f"rediss+sentinel://u:{SECRET}@127.0.0.1:1,127.0.0.1:2/wounds/5?sentinel_password={SECRET}",
            "redis+sentinel://127.0.0.1:1,127.0.0.1:2/wounds",
        ),
    ],
)
def test_the_place_is_told_and_the_password_is_not(connect, url, place, caplog):
    """What cannot be reached is named by host, port and database alone."""
    if place == "redis://localhost:6379/0":
        assert connect(url)._place.name == place
        return
    caplog.set_level("DEBUG")
    text = refusal(connect(url))
    assert text.startswith(f"The shared state at {place} cannot be ")
    assert SECRET not in text + caplog.text


# -- other ways to Redis -------------------------------------------------------------------------------------------


def test_a_unix_socket_is_a_way(connect, start, tmp_path):
    """A Redis on the same host is used by its socket, with a database of its own."""
    start("--unixsocket", str(tmp_path / "redis.sock"))
    fill(connect(f"unix://{tmp_path}/redis.sock?db=3"))


@pytest.fixture
def certificates(tmp_path):
    """Options of a server with TLS only, and the path of the authority that signed its certificate."""
    openssl = require_program("openssl", "openssl")
    key, authority = tmp_path / "key.pem", tmp_path / "authority.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", key, "-out", authority],
        check=True,
        capture_output=True,
    )
    files = ("--tls-cert-file", str(key.with_name("authority.pem")), "--tls-key-file", str(key))
    return [*files, "--tls-ca-cert-file", str(authority), "--tls-auth-clients", "no"], authority


class TlsServer(RedisServer):
    """A server that is open on one more port, for TLS."""

    def __init__(self, program, directory, *options):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.tls_port = free.getsockname()[1]
        super().__init__(program, directory, "--tls-port", str(self.tls_port), *options)


def test_tls_is_checked_and_used(connect, start, certificates):
    """Over TLS the certificate must be trusted, and all works as without."""
    options, authority = certificates
    server = start(*options, kind=TlsServer)
    place = f"rediss://127.0.0.1:{server.tls_port}"
    assert refusal(connect(place)).endswith(
        " has a certificate that is not trusted: give its authority's with ?ssl_ca_certs=path."
    )
    backend = connect(f"{place}/0?ssl_ca_certs={authority}")
    filled = fill(backend)
    server.restart()
    assert backend.exchange(None, 0, read=False).store_id != filled[0]
    sentinel = start(*options, "--tls-port", "0", kind=RedisServer) if False else None
    assert sentinel is None


def test_sentinels_name_the_master(connect, shared):
    """A master that no Sentinel knows is a sentence, and so are Sentinels that are away."""
    sentinel = shared("sentinel")
    backend = connect(sentinel.url.replace(MASTER, "another"))
    assert refusal(backend) == (
        f"The shared state at redis+sentinel://127.0.0.1:{sentinel.port}/another cannot be found:"
        " no Sentinel can be asked or names a master that runs."
    )
    fill(connect(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{MASTER}/2"))


def test_sentinels_have_a_password_of_their_own(connect, start, server):
    """The password of the Sentinels is given apart from that of Redis."""
    sentinel = start("--requirepass", SECRET, kind=lambda *given: SentinelServer(*given[:2], server, *given[2:]))
    assert "no Sentinel can be asked" in refusal(connect(sentinel.url))
    fill(connect(f"{sentinel.url}?sentinel_password={SECRET}"))


def test_another_master_is_followed(connect, start, program, tmp_path):
    """When Sentinels put a replica in the place of a master that died, publishing goes on there."""
    master = start()
    replica = start("--replicaof", f"127.0.0.1 {master.port}")
    with SentinelServer(program, tmp_path / "sentinel", master) as sentinel:
        backend = connect(sentinel.url)
        store_id, filled = fill(backend)
        with replica.client() as client, sentinel.client() as asked, master.client() as first:
            first.wait(1, 10_000)
            eventually(lambda: asked.execute_command("SENTINEL REPLICAS", MASTER))
            eventually(lambda: client.info("replication")["master_link_status"] == "up")
            master.kill()
            eventually(lambda: client.info("replication")["role"] == "master", 60.0)
        eventually(lambda: works(backend), 60.0)
        assert backend.exchange(None, 0, read=False).store_id == store_id
        assert everything(backend) == filled


# -- forks, and the host's telemetry -------------------------------------------------------------------------------


@pytest.mark.parametrize("topology", ["alone", "sentinel", "cluster"])
@pytest.mark.parametrize("told", [True, False])
def test_parent_and_child_both_go_on(connect, shared, topology, told):
    """After a fork the child has a connection of its own, the parent keeps its one, told of the fork or not."""
    backend = connect(shared(topology).url)
    backend.exchange(said("parent"), 0, read=False)

    def connections():
        with shared("alone" if topology == "sentinel" else topology).client() as client:
            return {one["id"] for one in client.client_list() if one["name"] == "hydrochat_otel"}

    before = connections()

    def publish():
        if told:
            backend.abandon()
        for seq in range(1, 20):
            backend.exchange(said("child", seq), 0, read=False)
        assert len(connections()) == len(before) + 1
        backend.close()

    child = forked.start(publish)
    for seq in range(2, 20):
        backend.exchange(said("parent", seq), 0, read=False)
    forked.wait(child)
    assert everything(backend).contents.records == {"parent": b"record", "child": b"record"}
    assert connections() >= before


def test_our_calls_are_in_nobodys_spans(connect, shared, monkeypatch):
    """Instrumentation of redis sees that it is to be silent while we call, and only then."""
    seen = []
    evalsha = redis.Redis.evalsha
    monkeypatch.setattr(
        redis.Redis, "evalsha", lambda *given: (seen.append(is_instrumentation_enabled()), evalsha(*given))[1]
    )
    assert works(connect(shared("alone").url))
    refusal(connect("redis://127.0.0.1:1"))
    assert (seen, is_instrumentation_enabled()) == ([False, False], True)


def test_several_threads_of_several_backends(connect, shared):
    """Backends in several threads do not disturb each other."""
    backends = [connect(shared("alone").url, timeout_s=PATIENT_S) for _ in range(4)]

    def publish(number):
        for seq in range(1, 50):
            backends[number].exchange(said(f"{number}", seq), 0, read=True)

    run_all(publish, len(backends))
    assert replace(everything(backends[0]), contents=None) == receipt(members=4, contents=None)
