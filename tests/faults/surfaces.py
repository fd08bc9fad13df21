"""The host's work beside generating: batches, videos, cached content, live interactions; on stand-ins of the SDK."""

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from faults.interrupting import drive

from hydrochat_otel.instrumentation.gemini import batches, cached_content, interactions, live_interactions, media
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.prices.book import PriceBook

CALLS = Calls(PriceBook(None))
MODEL = "gemini-2.5-flash"
_names = itertools.count()


class SurfaceError(Exception):
    """The exception of a stand-in of the SDK."""


def _outcome(ask):
    """Return what the host gets: a result, or the exception of the SDK."""
    try:
        return ask()
    except SurfaceError as error:
        return error


class Surface:
    """One pair of functions of the SDK: each returns what it is given, or raises it."""

    _api_client = None
    sdk_configuration = SimpleNamespace(server_url="http://localhost")

    def __init__(self, wrap, wrap_async, operation):
        def function(self, *, reply, **_):
            if isinstance(reply, Exception):
                raise reply
            return reply

        async def function_async(self, *, reply, **_):
            return function(self, reply=reply)

        current = {"current": lambda: CALLS, "operation": operation}
        self.function = wrap(function, *current.values())
        self.function_async = wrap_async(function_async, *current.values())

    def __call__(self, reply, **arguments):
        """Call both, and check that the host gets what the SDK returned or raised."""
        for ask in (self.function, lambda *given, **named: drive(self.function_async(*given, **named))):
            assert _outcome(lambda ask=ask: ask(self, reply=reply, **arguments)) is reply


CREATE_BATCH = Surface(batches.created, batches.created_async, "create_batch")
GET_BATCH = Surface(batches.result, batches.result_async, "batch_result")
DOWNLOAD = Surface(batches.downloaded, batches.downloaded_async, "batch_result")
FILM = Surface(media.video, media.video_async, "generate_videos")
GET_FILM = Surface(media.result, media.result_async, "video_result")
CACHE = Surface(cached_content.stored, cached_content.stored_async, "create_cache")
CHANGE_CACHE = Surface(cached_content.changed, cached_content.changed_async, "cache_storage")
DELETE_CACHE = Surface(cached_content.deleted, cached_content.deleted_async, "cache_storage")
GET_INTERACTION = Surface(interactions.result, interactions.result_async, "interaction_result")


def batch():
    """Begin a job, see it pending, then finished with its replies, and another one with a file."""
    name = f"batches/{next(_names)}"
    job = {"name": name, "model": MODEL}
    CREATE_BATCH(SimpleNamespace(**job, state="JOB_STATE_PENDING", dest=None), model=MODEL)
    CREATE_BATCH(SurfaceError(), model=MODEL)
    GET_BATCH(SimpleNamespace(**job, state="JOB_STATE_PENDING", dest=None))
    usage = SimpleNamespace(prompt_token_count=3, candidates_token_count=2, total_token_count=5)
    replies = [SimpleNamespace(response=SimpleNamespace(usage_metadata=usage, candidates=(), model_version=MODEL))]
    GET_BATCH(SimpleNamespace(**job, state="JOB_STATE_SUCCEEDED", dest=SimpleNamespace(inlined_responses=replies)))
    GET_BATCH(SurfaceError())
    CREATE_BATCH(SimpleNamespace(**job, state="JOB_STATE_PENDING", dest=None), model=MODEL)
    file = f"files/{next(_names)}"
    GET_BATCH(SimpleNamespace(**job, state="JOB_STATE_SUCCEEDED", dest=SimpleNamespace(file_name=file)))
    DOWNLOAD(b'{"response": {"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}}\n', file=file)


def film():
    """Begin a video, see it unfinished, then finished."""
    name = f"operations/{next(_names)}"
    FILM(SimpleNamespace(name=name, done=False), model="veo-3.0-generate-001", config={"duration_seconds": 4})
    FILM(SurfaceError(), model="veo-3.0-generate-001")
    GET_FILM(SimpleNamespace(name=name, done=None))
    GET_FILM(SimpleNamespace(name=name, done=True, response=SimpleNamespace(generated_videos=[1])))


def cache():
    """Store content, extend it and delete it; it is younger than the hour that the background charges.

    One token, so that an hour more of a slow machine costs a nanodollar.
    """
    name, now = f"cachedContents/{next(_names)}", datetime.now(UTC)
    usage = SimpleNamespace(total_token_count=1)
    stored = SimpleNamespace(name=name, model=MODEL, usage_metadata=usage, create_time=now - timedelta(minutes=1))
    stored.expire_time = now + timedelta(hours=1)
    CACHE(stored, model=MODEL)
    CHANGE_CACHE(stored, name=name)
    DELETE_CACHE(SimpleNamespace(), name=name)


def interaction():
    """Look up an interaction that is unfinished, then finished."""
    name = f"i{next(_names)}"
    GET_INTERACTION(SimpleNamespace(id=name, status="in_progress", model=MODEL, usage=None))
    GET_INTERACTION(SimpleNamespace(id=name, status="completed", model=MODEL, usage=None))


class Connection:
    """Replaces the SDK's connection of a live interaction."""

    def __init__(self):
        self._pending_events = []

    async def fill(self, error=None):
        if error is not None:
            raise error
        self._pending_events = [{"event_type": "interaction.created"}, {"event_type": "interaction.completed"}, "?"]

    async def detach(self):
        return "left"

    fill = live_interactions.received_async(fill, lambda: CALLS, "")
    detach = live_interactions.left_async(detach, lambda: CALLS, "")


class Opening:
    """Replaces the SDK's context manager that opens it."""

    _session = _api_client = None
    _interaction_id = "i"

    async def connect(self, connection):
        if isinstance(connection, Exception):
            raise connection
        return connection

    connect = live_interactions.opened_async(connect, lambda: CALLS, "live_interaction")


def live_interaction():
    """Open a connection, receive events and an exception, and leave; then one that cannot be opened."""
    connection, failure = Connection(), SurfaceError()
    assert drive(Opening().connect(connection)) is connection
    drive(connection.fill())
    connection._pending_events = []
    assert _outcome(lambda: drive(connection.fill(failure))) is failure
    assert _outcome(lambda: drive(Opening().connect(failure))) is failure
    assert drive(connection.detach()) == "left"


SURFACES = {
    "batch": batch,
    "film": film,
    "cache": cache,
    "interaction": interaction,
    "live interaction": live_interaction,
}
