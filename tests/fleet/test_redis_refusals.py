"""Why a Redis cannot be used, as sentences; nothing that was stored is lost by it."""

import os
import socket
import threading

import pytest
import redis
from fleet.backend_contract import contents, entries, everything, said
from fleet.processes import eventually
from fleet.redis_calls import PATIENT_S, SECRET, fill, keys, refusal, works
from fleet.redis_servers import ClusterServer, RedisServer

from hydrochat_otel.fleet.backend import Knowledge
from hydrochat_otel.fleet.bounds import Bounds, StateError
from hydrochat_otel.fleet.redis.backend import RedisBackend

pytestmark = pytest.mark.real

pytest_plugins = ["fleet.redis_fixtures"]


def test_a_redis_that_is_away_is_a_sentence_until_it_is_back(connect, server):
    """Nothing is lost by its absence, and the next call after it succeeds."""
    backend = connect(server.url)
    server.stop()
    away = f"The shared state at redis://127.0.0.1:{server.port}/0 is unreachable: start it, or give its address"
    assert refusal(backend) == away + " in HYDROCHAT_STATE."
    assert refusal(backend) == away + " in HYDROCHAT_STATE."
    server.start()
    assert works(backend)


@pytest.mark.parametrize("kind", [RedisServer, ClusterServer])
def test_a_redis_that_hangs_is_given_up(connect, start, kind):
    """A Redis that accepts connections and answers nothing gives a sentence; when it resumes, sharing resumes."""
    server = start(kind=kind)
    backend = connect(server.url, timeout_s=0.1)
    assert works(backend)
    server.pause()
    for _ in range(2):
        assert "did not answer within 0.1 s; retrying." in refusal(backend)
    server.resume()
    eventually(lambda: works(backend))


def test_a_publication_that_came_late_is_applied_once(connect, server):
    """What a paused Redis applies after we gave up, and what is sent again, is in the state once."""
    backend, other = connect(server.url, timeout_s=0.1), connect(server.url, timeout_s=PATIENT_S)
    backend.exchange(said(seq=1), 0, read=False)
    with server.client() as client:
        client.client_pause(500, all=True)
    late = said(seq=2, totals=b"late", entries=entries(1))
    assert "did not answer" in refusal(backend, late)
    eventually(lambda: works(backend, late))
    assert everything(other).contents == contents({"one": b"late"}, [b"1"])


@pytest.fixture
def stranger():
    """A listening socket that is not a Redis: what it answers, its port, and its connections so far."""
    replies, connections = [], []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            while True:
                try:
                    connections.append(listening.accept()[0])
                except OSError:
                    return
                for reply in replies:
                    connections[-1].sendall(reply)

        thread = threading.Thread(target=accept)
        thread.start()
        yield replies, listening.getsockname()[1], connections
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()


def test_a_silent_server_is_called_once(connect, stranger):
    """A call that timed out is not repeated within the call."""
    _, port, connections = stranger
    backend = connect(f"redis://127.0.0.1:{port}", timeout_s=0.05)
    for _ in range(2):
        assert "did not answer" in refusal(backend)
    assert len(connections) == 2


def test_something_else_than_a_redis_is_a_sentence(connect, stranger):
    """A server of another protocol gives the sentence that it is not a Redis."""
    replies, port, _ = stranger
    replies.append(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert refusal(connect(f"redis://127.0.0.1:{port}")) == (
        f"The shared state at redis://127.0.0.1:{port}/0 is not a Redis: give its address in HYDROCHAT_STATE."
    )


def test_a_full_redis_refuses_the_whole_publication(connect, start):
    """Without free memory nothing of a publication is stored, and all of it once there is memory."""
    server = start("--maxmemory-policy", "noeviction")
    backend = connect(server.url)
    backend.exchange(said(), 0, read=False)
    before = everything(backend)
    more = said(seq=2, totals=b"2", entries=entries(1, 2))
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        assert "is full: give it more memory (maxmemory)." in refusal(backend, more)
        assert refusal(connect(server.url, group="new")) == refusal(backend, more)
        with pytest.raises(StateError, match="is full"):
            backend.restore(Knowledge(totals={"lost": (1, b"1")}))
        with pytest.raises(StateError, match="is full"):
            backend.merge({"one": 1}, b"departed", 0)
        # Reading needs no memory.
        assert everything(backend) == before
        client.config_set("maxmemory", "0")
    backend.exchange(more, 0, read=False)
    assert everything(backend).contents == contents({"one": b"2"}, [b"2", b"1"])


def test_a_redis_that_drops_keys_for_memory_is_survived(connect, start, group):
    """If Redis may evict any key for other users' data, there is always a state, whole or new."""
    server = start("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random")
    backend = connect(server.url)
    store_ids = set()
    with server.client() as client:
        for number in range(1, 200):
            client.set(f"cache:{number}", bytes(50_000))
            answer = backend.exchange(said(seq=number, entries=entries(number)), 0, read=True)
            store_ids.add(answer.store_id)
            assert answer.contents.totals == {"one": b"totals"}
    assert len(store_ids) > 1


def test_another_programs_key_is_left_alone(connect, server, group):
    """A key of another type under our name gives a sentence, and neither side's data changes."""
    backend = connect(server.url)
    with server.client() as client:
        theirs = f"hydrochat_otel:{{{group}}}:v1:entries"
        client.set(theirs, "theirs")
        sentence = (
            f"holds another program's data under the keys hydrochat_otel:{{{group}}}:v1:*: name another database."
        )
        assert sentence in refusal(backend)
        assert (keys(client, group), client.get(theirs)) == ([theirs.encode()], b"theirs")
        client.delete(theirs)
        fill(backend)
        client.delete(theirs)
        client.set(theirs, "theirs")
        before = client.hgetall(theirs.replace("entries", "totals"))
        assert sentence in refusal(backend)
        assert (client.hgetall(theirs.replace("entries", "totals")), client.get(theirs)) == (before, b"theirs")


def test_a_wrong_password_is_a_sentence_without_it(connect, start, caplog):
    """No message has any password, wrong or right, and the right one works."""
    server = start("--requirepass", SECRET)
    caplog.set_level("DEBUG")
    place = f"127.0.0.1:{server.port}"
    for url in (f"redis://{place}", f"redis://:{SECRET}x@{place}", f"redis://user:{SECRET}x@{place}"):
        assert refusal(connect(url)) == (
            f"The shared state at redis://{place}/0 rejects the user or the password:"
            " give the right ones in HYDROCHAT_STATE."
        )
    assert works(connect(f"redis://:{SECRET}@{place}"))
    assert SECRET not in caplog.text


def test_a_user_of_few_rights_is_enough(connect, server, group):
    """The rights that the documentation names suffice; without them the refusal is a sentence."""
    rights = "+eval +evalsha +client|setname +type +time +del +expire +@hash +@sortedset"
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
        " is a replica, which is read-only: name its master, or its Sentinels."
    )


def test_a_redis_that_cannot_save_is_a_sentence(connect, start):
    """A Redis that stopped writing because its disk failed gives a sentence, nothing changes, and it recovers."""
    server = start("--save", "1000 1")
    backend = connect(server.url)
    fill(backend)
    before = everything(backend)
    with server.client() as client:
        (server.directory / "dump.rdb").mkdir()
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        assert "refuses writes, because it cannot save to its disk: make room there." in refusal(backend)
        (server.directory / "dump.rdb").rmdir()
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")
    assert everything(backend) == before


def test_a_redis_that_loads_is_a_sentence(connect, start):
    """While Redis reads its file the call gives a sentence, and afterwards what was stored is there."""
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
    assert "is still loading its data; retrying." in refusal(backend)
    eventually(lambda: works(backend))
    assert (backend.exchange(None, 0, read=False).store_id, everything(backend)) == filled


def test_a_busy_redis_is_a_sentence(connect, start):
    """While another script blocks Redis the call gives a sentence."""
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
        assert "is busy with another script; retrying." in refusal(backend)
        client.script_kill()
    thread.join()
    assert works(backend)


def test_too_many_clients_are_a_sentence(connect, server):
    """A Redis that takes no more connections gives a sentence."""
    with server.client() as client:
        client.ping()
        client.config_set("maxclients", "1")
        assert "has too many clients: raise its limit (maxclients)." in refusal(connect(server.url))


def test_the_wrong_topology_is_a_sentence(connect, shared):
    """A node of a cluster named as a Redis, and the other way round, give the right scheme to write."""
    alone, cluster = shared("alone"), shared("cluster")
    assert "is not a cluster: name it as redis://." in refusal(connect(f"redis+cluster://127.0.0.1:{alone.port}"))
    with cluster.client() as client:
        # A slot of another node: this one redirects there.
        group = "elsewhere"
        slot = client.cluster("KEYSLOT", f"hydrochat_otel:{{{group}}}:v1:meta")
        client.cluster("DELSLOTS", slot)
        try:
            sentence = refusal(connect(f"redis://127.0.0.1:{cluster.port}", group=group))
        finally:
            client.cluster("ADDSLOTS", slot)
    assert sentence.endswith(" is a cluster that is partly down; retrying.")


def test_an_unknown_option_is_a_sentence(connect, shared):
    """An option that redis-py does not have gives a sentence; one of ours cannot be changed."""
    url = shared("alone").url
    assert "HYDROCHAT_STATE has an option that redis-py does not have." in refusal(connect(url + "?nothing=1"))
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
def test_an_unreadable_address_is_refused_without_showing_it(url):
    """An address that cannot be parsed may hold a password anywhere, so no part of it is shown."""
    with pytest.raises(StateError) as raised:
        RedisBackend(url, "group", Bounds())
    assert raised.value.__suppress_context__
    assert str(raised.value) == (
        "HYDROCHAT_STATE is not an address of a Redis such as redis://user:password@host:6379/0; "
        "characters other than letters and digits in user and password must be percent-encoded."
    )


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://", "redis://localhost:6379/0"),
        (f"redis://:{SECRET}@127.0.0.1:1/3", "redis://127.0.0.1:1/3"),
        (f"rediss://u%40x:{SECRET}%2F%40@127.0.0.1:1", "rediss://127.0.0.1:1/0"),
        (f"redis://u:{SECRET}@[::1]:1?db=4", "redis://::1:1/4"),
        (f"unix://u:{SECRET}@/no/such%20socket?db=1", "unix:///no/such socket"),
        (f"unix:///no/socket?password={SECRET}", "unix:///no/socket"),
        (f"redis+cluster://u:{SECRET}@127.0.0.1:1,[::1]:2", "redis+cluster://127.0.0.1:1,::1:2"),
        (
            f"rediss+sentinel://u:{SECRET}@127.0.0.1:1,127.0.0.1:2/wounds/5?sentinel_password={SECRET}",
            "rediss+sentinel://127.0.0.1:1,127.0.0.1:2/wounds",
        ),
    ],
)
def test_the_place_is_shown_and_the_password_is_not(connect, url, place, caplog):
    """An unreachable Redis is named by host, port and database only."""
    if place == "redis://localhost:6379/0":
        assert connect(url)._address.name == place
        return
    caplog.set_level("DEBUG")
    text = refusal(connect(url))
    assert text.startswith(f"The shared state at {place} ")
    assert SECRET not in text + caplog.text
