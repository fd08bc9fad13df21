"""Re-exports the server that serves the endpoints on a port of its own."""

from hydrochat_otel.serve.server import Server, ServerError

__all__ = ["Server", "ServerError"]
