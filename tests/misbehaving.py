"""A server that handles a connection as a test defines."""

import contextlib
import json
import socket
import threading


@contextlib.contextmanager
def listening(behave):
    """A server that handles each connection by `behave`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection):
            with contextlib.suppress(OSError), connection:
                behave(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def says(body, status="200 OK", headers=b""):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()

    def behave(connection):
        connection.recv(65_536)
        length = f"Content-Length: {len(body)}\r\n".encode()
        connection.sendall(f"HTTP/1.1 {status}\r\n".encode() + length + headers + b"\r\n" + body)

    return behave
