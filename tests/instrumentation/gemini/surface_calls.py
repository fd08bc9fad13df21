"""The client calls for other APIs than generated content: interactions, decisions, batches, videos, the cache."""

import threading
from typing import Any

from google.genai import types
from instrumentation.gemini.scenario_runner import FLASH

INPUT = "How is the wound?"


def interact(**fields: Any) -> Any:
    """Make one interaction, and read its events if it is streamed."""

    def run(client):
        reply = client.interactions.create(model=FLASH, input=INPUT, **fields)
        return [event.event_type for event in reply] if fields.get("stream") else reply.status

    return run


def interact_async(**fields: Any) -> Any:
    """One interaction of the asynchronous client."""

    async def run(client):
        reply = await client.aio.interactions.create(model=FLASH, input=INPUT, **fields)
        return [event.event_type async for event in reply] if fields.get("stream") else reply.status

    return run


def interact_raw(**fields: Any) -> Any:
    """One interaction whose raw response the caller parses."""

    def run(client):
        reply = client.interactions.with_raw_response.create(model=FLASH, input=INPUT, **fields)
        parsed = reply.parse()
        return [event.event_type for event in parsed] if fields.get("stream") else parsed.status

    return run


def interact_in_lines(client):
    """Make one interaction whose events the caller reads as lines while they arrive."""
    with client.interactions.with_streaming_response.create(model=FLASH, input=INPUT, stream=True) as reply:
        return [line for line in reply.iter_lines() if line.startswith("event:")]


async def interact_in_lines_async(client):
    """The same of the asynchronous client."""
    create = client.aio.interactions.with_streaming_response.create
    async with create(model=FLASH, input=INPUT, stream=True) as reply:
        return [line async for line in reply.iter_lines() if line.startswith("event:")]


def interact_and_leave(client):
    """Make one interaction whose raw events the caller leaves after the first."""
    with client.interactions.with_streaming_response.create(model=FLASH, input=INPUT, stream=True) as reply:
        for _ in reply.iter_lines():
            return "left"
    return "read"


def interact_in_background(client):
    """Begin an interaction in the background, look it up unfinished, then twice finished."""
    begun = client.interactions.create(model=FLASH, input=INPUT, background=True)
    return [begun.status, *[client.interactions.get(begun.id).status for _ in range(3)]]


async def interact_in_background_async(client):
    """The same of the asynchronous client."""
    begun = await client.aio.interactions.create(model=FLASH, input=INPUT, background=True)
    return [begun.status, *[(await client.aio.interactions.get(begun.id)).status for _ in range(3)]]


def look_up_raw(client):
    """Begin an interaction in the background and look it up twice as a raw response that the caller parses."""
    begun = client.interactions.create(model=FLASH, input=INPUT, background=True)
    raw = client.interactions.with_raw_response
    return [begun.status, *[raw.get(begun.id).parse().status for _ in range(2)]]


def look_up_in_lines(client):
    """Begin an interaction in the background and look it up as lines that the caller reads while they arrive."""
    begun = client.interactions.create(model=FLASH, input=INPUT, background=True)
    with client.interactions.with_streaming_response.get(begun.id, stream=True) as reply:
        return [line for line in reply.iter_lines() if line.startswith("event:")]


def look_up_events(client):
    """Begin an interaction in the background and look it up twice as a stream of events."""
    begun = client.interactions.create(model=FLASH, input=INPUT, background=True)
    return [[event.event_type for event in client.interactions.get(begun.id, stream=True)] for _ in range(2)]


async def look_up_events_async(client):
    """The same of the asynchronous client."""
    begun = await client.aio.interactions.create(model=FLASH, input=INPUT, background=True)
    return [
        [event.event_type async for event in await client.aio.interactions.get(begun.id, stream=True)] for _ in range(2)
    ]


def leave_and_look_up(client):
    """Leave the events of an interaction in the background after the first, and look the interaction up twice."""
    events = client.interactions.create(model=FLASH, input=INPUT, background=True, stream=True)
    name = next(iter(events)).interaction.id
    events.close()
    return [client.interactions.get(name).status for _ in range(2)]


def read_and_look_up(client):
    """Read the events of an interaction in the background to the end, and look the interaction up once more."""
    events = list(client.interactions.create(model=FLASH, input=INPUT, background=True, stream=True))
    return client.interactions.get(events[0].interaction.id).status


def look_up_unknown(client):
    """Look up another process's interaction, finished at the first look: that process counted it."""
    return client.interactions.get("of-another-process").status


def decide(client):
    """One decision."""
    questions = {"q": {"type": "noul", "instructions": "Is it clean?"}}
    return type(client.decisions.create(model=FLASH, input=INPUT, questions=questions)).__name__


def design_voice(client):
    """Make one voice from a description."""
    voice = {"type": "prompted", "model": FLASH, "prompted": {"input": "calm"}}
    return client.voices.create(voice=voice, store=True).id


def batch_result(client):
    """A batch job, looked up pending, then twice finished."""
    job = client.batches.create(model=FLASH, src=[types.InlinedRequest(contents=INPUT)])
    return [client.batches.get(name=job.name).state.value for _ in range(3)]


async def batch_result_async(client):
    """The same of the asynchronous client."""
    job = await client.aio.batches.create(model=FLASH, src=[types.InlinedRequest(contents=INPUT)])
    return [(await client.aio.batches.get(name=job.name)).state.value for _ in range(3)]


def wait_for_files():
    """Wait for the threads of ours that read the files of batches."""
    for thread in threading.enumerate():
        if thread.name == "hydrochat-otel-batch":
            thread.join(timeout=10)


def batch_file(client):
    """A batch job whose replies are in a file, which the caller downloads twice."""
    job = client.batches.create(model=FLASH, src=[types.InlinedRequest(contents=INPUT)])
    file = client.batches.get(name=job.name).dest.file_name
    sizes = [len(client.files.download(file=file)) for _ in range(2)]
    wait_for_files()
    return sizes


def film_finished(client):
    """A video that is begun, looked up unfinished, then twice finished."""
    operation = client.models.generate_videos(
        model="veo-3.0-generate-001", source=types.GenerateVideosSource(prompt="a plaster")
    )
    return [bool(client.operations.get(operation).done) for _ in range(3)]


def cache_and_delete(client):
    """Content that was put into the cache and is deleted."""
    name = client.caches.create(model=FLASH, config=types.CreateCachedContentConfig(contents="x")).name
    client.caches.delete(name=name)
    return name
