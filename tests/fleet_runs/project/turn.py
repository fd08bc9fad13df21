"""The work of both applications for a request: one tracked turn of a conversation, with one call to Gemini.

`PLUGIN=0` runs the same without `hydrochat_otel`, which is then never imported.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

from google import genai
from google.genai import types

PLUGIN = os.environ.get("PLUGIN") != "0"
MODEL = "gemini-2.5-flash"
WORK_S = 0.002

_lock = threading.Lock()
_clients: dict[int, genai.Client] = {}


def client() -> genai.Client:
    """Return the client of this process, made when it is first needed: connections do not survive a fork."""
    with _lock:
        pid = os.getpid()
        if pid not in _clients:
            direct = {"trust_env": False}
            options = types.HttpOptions(
                base_url=os.environ["EMULATOR_URL"], client_args=direct, async_client_args=direct
            )
            _clients[pid] = genai.Client(api_key="of the tests", http_options=options)
        return _clients[pid]


def answer(response: Any, trace_id: str) -> dict[str, Any]:
    return {"pid": os.getpid(), "trace_id": trace_id, "total_tokens": response.usage_metadata.total_token_count}


if PLUGIN:
    from opentelemetry import trace

    import hydrochat_otel

    hydrochat_otel.install()

    tracked: Callable[[Any], Any] = hydrochat_otel.track_response_time("fleet.turn")

    def current_trace_id() -> str:
        return f"{trace.get_current_span().get_span_context().trace_id:032x}"

else:

    def tracked(function: Any) -> Any:
        return function

    def current_trace_id() -> str:
        return ""
