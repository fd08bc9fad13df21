"""The client calls of the scenarios: plain, streamed, chats, tools, concurrent, and streams that end early."""

import asyncio
import threading
from typing import Any

from google.genai import types
from instrumentation.gemini.scenario_runner import FLASH

EMBEDDING = "gemini-embedding-001"


def lookup(name: str) -> str:
    """Look a scan up.

    Args:
        name: Of the scan.
    """
    return f"scan {name}"


def broken_lookup(name: str) -> str:
    """Fail to look a scan up.

    Args:
        name: Of the scan.
    """
    raise ValueError(name)


def config(**fields: Any) -> Any:
    """A configuration of the SDK."""
    return types.GenerateContentConfig(**fields)


# -- requests -----------------------------------------------------------------------------------------------------


def ask(model: str = FLASH, times: int = 1, **fields: Any) -> Any:
    """Make plain requests."""

    def run(client):
        settings = config(**fields) if fields else None
        return [
            client.models.generate_content(model=model, contents="How is the wound?", config=settings)
            for _ in range(times)
        ]

    return run


def ask_async(model: str = FLASH, **fields: Any) -> Any:
    """Make one asynchronous request."""

    async def run(client):
        settings = config(**fields) if fields else None
        return await client.aio.models.generate_content(model=model, contents="How is the wound?", config=settings)

    return run


def read(model: str = FLASH, **fields: Any) -> Any:
    """Read one stream to the end."""

    def run(client):
        settings = config(**fields) if fields else None
        chunks = client.models.generate_content_stream(model=model, contents="How is the wound?", config=settings)
        return [type(chunks).__name__, *chunks]

    return run


def read_async(model: str = FLASH, **fields: Any) -> Any:
    """Read one asynchronous stream to the end."""

    async def run(client):
        settings = config(**fields) if fields else None
        chunks = await client.aio.models.generate_content_stream(
            model=model, contents="How is the wound?", config=settings
        )
        return [type(chunks).__name__, *[chunk async for chunk in chunks]]

    return run


def embed(model: str = EMBEDDING, contents: Any = "How is the wound?") -> Any:
    """Make one request for embeddings."""

    def run(client):
        return client.models.embed_content(model=model, contents=contents)

    return run


def talk(client):
    """Two turns of a chat."""
    chat = client.chats.create(model=FLASH)
    return [chat.send_message("How is the wound?"), chat.send_message("And now?")]


async def talk_async(client):
    """Two turns of an asynchronous chat."""
    chat = client.aio.chats.create(model=FLASH)
    return [await chat.send_message("How is the wound?"), await chat.send_message("And now?")]


def talk_stream(client):
    """Two streamed turns of a chat."""
    chat = client.chats.create(model=FLASH)
    return [list(chat.send_message_stream("How is the wound?")), list(chat.send_message_stream("And now?"))]


async def talk_stream_async(client):
    """Two streamed turns of an asynchronous chat."""
    chat = client.aio.chats.create(model=FLASH)
    return [[chunk async for chunk in await chat.send_message_stream(text)] for text in ("How is it?", "And now?")]


def talk_with_tools(client):
    """A turn of a chat whose tools the SDK calls."""
    return client.chats.create(model=FLASH, config=config(tools=[lookup])).send_message("How is the scan?")


def one_config_for_many(client):
    """Use one configuration with a tool for several calls: it must not change."""
    settings = config(tools=[lookup])
    before = settings.model_copy()
    results = [client.models.generate_content(model=FLASH, contents="x", config=settings) for _ in range(5)]
    assert settings.tools == before.tools == [lookup]
    return results


# -- streams that end early ---------------------------------------------------------------------------------------


def close_early(client):
    """Read one chunk, then close."""
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    first = next(chunks)
    chunks.close()
    return [first]


def drop(client):
    """Read one chunk, then drop the last reference to the stream."""
    return [next(client.models.generate_content_stream(model=FLASH, contents="x"))]


def leave_loop(client):
    """Leave a loop over a stream after its first chunk."""
    for chunk in client.models.generate_content_stream(model=FLASH, contents="x"):
        return [chunk]
    return []


async def close_early_async(client):
    """Read one chunk, then close."""
    chunks = await client.aio.models.generate_content_stream(model=FLASH, contents="x")
    first = await anext(chunks)
    await chunks.aclose()
    return [first]


async def drop_async(client):
    """Read one chunk, then drop the last reference to the stream."""
    return [await anext(await client.aio.models.generate_content_stream(model=FLASH, contents="x"))]


def throw_into(client):
    """Raise inside of the stream, as a caller's generator that delegates to it does."""
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    first = next(chunks)
    try:
        chunks.throw(LookupError("the caller's"))
    except LookupError as error:
        return [first, str(error)]
    return [first]


async def cancel(client):
    """Cancel the task that waits for an answer."""
    task = asyncio.create_task(client.aio.models.generate_content(model=FLASH, contents="x"))
    await asyncio.sleep(0.6)
    task.cancel()
    await task


async def cancel_in_stream(client):
    """Cancel the task that waits for the second chunk."""
    begun = asyncio.Event()

    async def consume():
        async for _ in await client.aio.models.generate_content_stream(model=FLASH, contents="x"):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    await task


def never_read(client):
    """Make a stream and never request a chunk: the SDK sends nothing."""
    client.models.generate_content_stream(model=FLASH, contents="x")
    return []


def step_by_step(client):
    """Read a stream with next()."""
    chunks = client.models.generate_content_stream(model=FLASH, contents="x")
    seen = []
    while (chunk := next(chunks, None)) is not None:
        seen.append(chunk)
    return seen


async def step_by_step_async(client):
    """Read a stream with anext()."""
    chunks = await client.aio.models.generate_content_stream(model=FLASH, contents="x")
    seen = []
    while (chunk := await anext(chunks, None)) is not None:
        seen.append(chunk)
    return seen


def ignore_errors(*runs: Any) -> Any:
    """Continue after each failure, as an application does."""

    def run(client):
        seen = []
        for one in runs:
            try:
                seen.append(one(client))
            except Exception as error:
                seen.append(f"{type(error).__name__}")
        return seen

    return run


# -- concurrency --------------------------------------------------------------------------------------------------


async def gather(client):
    """Eight requests at once in one loop."""
    asked = [client.aio.models.generate_content(model=FLASH, contents="x") for _ in range(8)]
    return [reply.text for reply in await asyncio.gather(*asked)]


def from_threads(client):
    """Eight requests at once from eight threads."""
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(ask()(client)[0].text)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(seen)


# -- other content than text --------------------------------------------------------------------------------------


def draw(client):
    """Make an image with Imagen."""
    return client.models.generate_images(model="imagen-4.0-generate-001", prompt="a plaster").generated_images[0]


def film(client):
    """Begin a video with Veo."""
    return client.models.generate_videos(model="veo-3.0-generate-001", prompt="a plaster").name


async def film_async(client):
    """The same, asynchronous."""
    operation = await client.aio.models.generate_videos(model="veo-3.0-generate-001", prompt="a plaster")
    return operation.name


def cache(client):
    """Put content into the cache."""
    return client.caches.create(model=FLASH, config=types.CreateCachedContentConfig(contents="x")).name


def batch(client):
    """Begin a batch job."""
    return client.batches.create(model=FLASH, src=[types.InlinedRequest(contents="x")]).name


def count(client):
    """Count tokens, which costs nothing and is not a call."""
    return client.models.count_tokens(model=FLASH, contents="How is the wound?").total_tokens


async def count_async(client):
    """The same, asynchronous."""
    return (await client.aio.models.count_tokens(model=FLASH, contents="How is the wound?")).total_tokens


def tokenise(client):
    """Get Vertex AI's list of tokens."""
    return client.models.compute_tokens(model=FLASH, contents="How is the wound?")


def list_models(client):
    """List the models, which is not a call of a model."""
    return len(list(client.models.list(config={"query_base": True})))
