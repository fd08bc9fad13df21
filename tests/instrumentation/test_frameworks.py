"""Promise of the decorator in frameworks: decorating a callable changes nothing except that it is measured.

The real FastAPI, Starlette and Django call every shape, decorated and not; the test compares status, body and what the
framework saw of the callable.
"""

import asyncio
import functools
import types
from typing import Annotated

import anyio
import greenlet
import pytest
import trio
import trio.lowlevel
from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures

track = track_response_time("chat.endpoint", 0.1)


def plain(decorate):
    """The undecorated twin of a shape."""
    return decorate


def ended(installed):
    return [(row.operation, row.outcome, row.error) for row in installed.snapshot().operations()]


async def answers(item: int, k: int = 1):
    await asyncio.sleep(0)
    return {"item": item, "k": k}


def answers_at_once(item: int, k: int = 1):
    return {"item": item, "k": k}


class Endpoint:
    async def __call__(self, item: int, k: int = 2):
        return await answers(item, k)

    async def method(self, item: int, k: int = 3):
        return await answers(item, k)


def wrapped(item: int, k: int = 4):
    return answers(item, k)


def endpoint(kind):
    def build(decorate):
        app = FastAPI()
        app.get("/x/{item}")(decorate(kind()))
        return app

    return build


def dependency(kind):
    """A dependency of an endpoint: FastAPI enters generators around the request."""

    def build(decorate):
        app = FastAPI()
        depends = Depends(decorate(kind()))

        @app.get("/x/{item}")
        async def read(item: int, found: Annotated[int, depends]):
            return {"item": item, "found": found}

        return app

    return build


def yielding(item: int):
    yield item + 1


async def yielding_async(item: int):
    await asyncio.sleep(0)
    yield item + 2


async def depends_async(item: int):
    return item + 3


def streaming(decorate):
    app = FastAPI()

    @decorate
    async def chunks():
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    @app.get("/x/{item}")
    async def read(item: int):
        return StreamingResponse(chunks())

    return app


def background(decorate):
    app, done = FastAPI(), []
    app.done = done

    @decorate
    async def later():
        await asyncio.sleep(0)
        done.append(1)

    @app.get("/x/{item}")
    async def read(item: int, tasks: BackgroundTasks):
        tasks.add_task(functools.partial(later))
        return {"item": item}

    return app


SHAPES = {
    "async function": endpoint(lambda: answers),
    "function": endpoint(lambda: answers_at_once),
    "partial of an async function": endpoint(lambda: functools.partial(answers, k=5)),
    "partial of a function": endpoint(lambda: functools.partial(answers_at_once, k=5)),
    "object with async __call__": endpoint(Endpoint),
    "bound async method": endpoint(lambda: Endpoint().method),
    "generator dependency": dependency(lambda: yielding),
    "async generator dependency": dependency(lambda: yielding_async),
    "partial dependency": dependency(lambda: functools.partial(depends_async)),
    "streaming response": streaming,
    "background task": background,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_fastapi_sees_the_same(installed, shape):
    """An app with a decorated callable answers as the undecorated one, with the same OpenAPI, and records it once."""
    before, after = TestClient(SHAPES[shape](plain)), TestClient(SHAPES[shape](track))
    expected, answer = before.get("/x/7"), after.get("/x/7")
    assert (answer.status_code, answer.content) == (expected.status_code, expected.content) == (200, expected.content)
    assert after.get("/openapi.json").json() == before.get("/openapi.json").json()
    assert before.get("/x/no").status_code == after.get("/x/no").status_code == 422
    assert ended(installed) == [("chat.endpoint", "ok", None)]


@pytest.mark.parametrize("kind", [lambda: functools.partial(text, k="!"), lambda: Text().answer, lambda: text])
def test_starlette_sees_the_same(installed, kind):
    """A route with a decorated partial, bound method or function answers as the undecorated one."""
    plain_app, tracked_app = (Starlette(routes=[Route("/", made)]) for made in (kind(), track(kind())))
    assert TestClient(tracked_app).get("/").text == TestClient(plain_app).get("/").text
    assert ended(installed) == [("chat.endpoint", "ok", None)]


async def text(request, k="?"):
    await asyncio.sleep(0)
    return PlainTextResponse(f"{request.url.path}{k}")


class Text:
    async def answer(self, request):
        return await text(request)


REQUEST = types.SimpleNamespace(method="GET")  # all that a view reads; Django needs settings for more


class PlainView(View):
    async def get(self, request, name=""):
        await asyncio.sleep(0.02)
        if name == "fails":
            raise ValueError
        return HttpResponse(name, "text/plain", charset="utf-8")


@method_decorator(track, name="get")
class TrackedGet(PlainView):
    pass


@method_decorator(track, name="dispatch")
class TrackedDispatch(PlainView):
    pass


VIEWS = {
    "method_decorator on get": TrackedGet.as_view,
    "method_decorator on dispatch": TrackedDispatch.as_view,
    "above as_view()": lambda: track(PlainView.as_view()),
}


@pytest.mark.parametrize("kind", VIEWS)
def test_django_sees_the_same(installed, kind):
    """An async class-based view stays async, takes as long as it is awaited, and fails with its own exception."""
    view = VIEWS[kind]()
    assert iscoroutinefunction(view) is iscoroutinefunction(PlainView.as_view()) is True

    async def ask(name):
        return await view(REQUEST, name=name)

    assert asyncio.run(ask("ok")).content == b"ok"
    with pytest.raises(ValueError):
        asyncio.run(ask("fails"))
    assert ended(installed) == [("chat.endpoint", "ok", None), ("chat.endpoint", "error", "ValueError")]
    assert all(row.duration_s >= 0.015 for row in installed.snapshot().operations())
    assert failures.counts() == {}


def test_a_view_of_django_that_is_not_async(installed):
    """A synchronous class-based view stays synchronous."""

    class Sync(View):
        def get(self, request):
            return HttpResponse("sync", "text/plain", charset="utf-8")

    view = track(Sync.as_view())
    assert not iscoroutinefunction(view)
    assert view(REQUEST).content == b"sync"
    assert ended(installed) == [("chat.endpoint", "ok", None)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_both_event_loops_of_anyio(installed, backend):
    """Results, errors and cancellations are the same on asyncio and on trio; a cancellation is not an error."""

    @track
    async def waits(seconds):
        await anyio.sleep(seconds)
        return "done"

    async def run():
        assert await waits(0) == "done"
        with anyio.move_on_after(0.01) as scope:
            await waits(60)
        assert scope.cancelled_caught

    anyio.run(run, backend=backend)
    assert ended(installed) == [("chat.endpoint", "ok", None), ("chat.endpoint", "cancelled", None)]


def test_what_trio_raises_in_a_scope_is_a_cancellation(installed):
    """A context manager and a generator that a trio scope cancels are cancelled."""

    @track
    async def steps():
        while True:
            await trio.lowlevel.checkpoint()
            yield 1

    async def run():
        with trio.move_on_after(0.01):
            with track:
                await trio.sleep(60)
        with trio.move_on_after(0.01):
            async for _ in steps():
                await trio.lowlevel.checkpoint()

    trio.run(run)
    assert [row[1:] for row in ended(installed)] == [("cancelled", None)] * 2


def test_a_greenlet_that_is_killed_is_cancelled(installed):
    """What gevent raises into work that it kills is a cancellation, and ends the greenlet as undecorated."""
    turn = track_response_time("turn")(lambda: greenlet.getcurrent().parent.switch("waits"))
    killed = greenlet.greenlet(turn)
    assert killed.switch() == "waits"
    assert isinstance(killed.throw(), greenlet.GreenletExit)
    assert [(row.operation, row.outcome, row.error) for row in installed.snapshot().operations()] == [
        ("turn", "cancelled", None)
    ]


@pytest.mark.parametrize("decorate", [plain, track], ids=["plain", "tracked"])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_end_of_a_loop_closes_each_unfinished_generator_once(decorate, loop, installed, caplog):
    """Also one whose clean-up waits; the loop complains of nothing, and of nothing else than without the decorator."""
    closed = []

    @decorate
    async def chunks():
        try:
            yield 1
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            closed.append(1)

    left = []

    async def main():
        left.extend(chunks() for _ in range(8))
        for one in left:
            await anext(one)

    anyio.run(main, backend=loop)
    assert len(closed) == 8
    assert [record for record in caplog.records if record.name == "asyncio"] == []
