"""Unix sockets, TLS, Sentinels and clusters, all of them real."""

import subprocess

import pytest
from conftest import require_program
from fleet.backend_contract import everything
from fleet.processes import eventually
from fleet.redis_calls import SECRET, fill, refusal, works
from fleet.redis_servers import MASTER, ClusterServer, SentinelServer

pytestmark = pytest.mark.real

pytest_plugins = ["fleet.redis_fixtures"]


def test_a_unix_socket_is_a_way(connect, start, tmp_path):
    """A Redis on the same host is used by its socket, with a database of its own."""
    start("--unixsocket", str(tmp_path / "redis.sock"))
    fill(connect(f"unix://{tmp_path}/redis.sock?db=3"))


@pytest.fixture
def certificates(tmp_path):
    """Options of a server with a certificate, and the path of the authority that signed it."""
    openssl = require_program("openssl", "openssl")
    key, authority = tmp_path / "key.pem", tmp_path / "authority.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", key, "-out", authority),
        ],
        check=True,
        capture_output=True,
    )
    files = ("--tls-cert-file", authority, "--tls-key-file", key, "--tls-ca-cert-file", authority)
    return [*map(str, files), "--tls-auth-clients", "no"], authority


def test_tls_is_checked_and_used(connect, start, certificates):
    """Over TLS the certificate must be trusted, and all works as without, also by Sentinels and in a cluster."""
    options, authority = certificates
    alone, cluster = start(tls=options), start(kind=ClusterServer, tls=options)
    sentinel = start(kind=SentinelServer, tls=options, master=alone)
    for one in (alone, cluster, sentinel):
        trusted = connect(f"{one.url}?ssl_ca_certs={authority}", group=f"{one.port}")
        filled = fill(trusted)
        trusted.close()
        assert everything(trusted) == filled[1]
    assert refusal(connect(alone.url)).endswith(
        " has an untrusted certificate: name its authority's with ?ssl_ca_certs=path."
    )


def test_sentinels_name_the_master(connect, shared):
    """A master that no Sentinel lists gives a sentence, and so do unreachable Sentinels."""
    sentinel = shared("sentinel")
    backend = connect(sentinel.url.replace(MASTER, "another"))
    assert refusal(backend) == (
        f"The shared state at redis+sentinel://127.0.0.1:{sentinel.port}/another cannot be found:"
        " no Sentinel is reachable or names a running master."
    )
    fill(connect(f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/{MASTER}/2"))


def test_sentinels_have_a_password_of_their_own(connect, start, server):
    """The password of the Sentinels is given apart from that of Redis."""
    sentinel = start("--requirepass", SECRET, kind=SentinelServer, master=server)
    assert "no Sentinel is reachable" in refusal(connect(sentinel.url))
    fill(connect(f"{sentinel.url}?sentinel_password={SECRET}"))


def test_another_master_is_followed(connect, start, redis_program, tmp_path):
    """When Sentinels replace a master that died by a replica, publishing continues there."""
    master = start("--repl-diskless-sync-delay", "0")
    replica = start("--replicaof", f"127.0.0.1 {master.port}")
    with replica.client() as client, master.client(single_connection_client=True) as first:
        # Sentinels look for replicas when they begin, and every ten seconds.
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
        with SentinelServer(redis_program, tmp_path / "sentinel", master=master) as sentinel:
            backend = connect(sentinel.url)
            store_id, filled = fill(backend)
            # WAIT concerns the writes of its own connection.
            first.set("last", "write")
            assert first.wait(1, 10_000) == 1
            with sentinel.client() as client_of_sentinel:
                eventually(lambda: client_of_sentinel.execute_command("SENTINEL REPLICAS", MASTER), 30.0)
            master.kill()
            eventually(lambda: works(backend), 60.0)
            assert client.info("replication")["role"] == "master"
            assert backend.exchange(None, 0, read=False).store_id == store_id
            assert everything(backend).contents == filled.contents
