"""Promises of :mod:`hydrochat_otel.instrumentation.callables`, `results` and `awaitables`."""

import asyncio
import contextlib
import copy
import functools
import gc
import inspect
import pickle
import types
import warnings

import pytest
from instrumentation import shapes
from opentelemetry import trace

from hydrochat_otel.instrumentation.tracker import get_performance_metrics, track_response_time
from hydrochat_otel.runtime import failures


class Work:
    """A stepped clock: each piece of work takes one second and notes whether an operation is current."""

    def __init__(self):
        self.now_ns = 0
        self.inside = []

    def __call__(self):
        self.now_ns += 1_000_000_000
        self.inside.append(trace.get_current_span().get_span_context().is_valid)


@pytest.fixture
def work(monkeypatch):
    made = Work()
    monkeypatch.setattr("hydrochat_otel.instrumentation.operation.time.perf_counter_ns", lambda: made.now_ns)
    return made


def rows(installed):
    return [(row.operation, row.duration_s, row.outcome, row.error) for row in installed.snapshot().operations()]


QUESTIONS = (
    inspect.iscoroutinefunction,
    asyncio.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    inspect.isfunction,
    inspect.ismethod,
    inspect.isbuiltin,
    inspect.isroutine,
    inspect.isclass,
    inspect.signature,
    lambda function: inspect.isfunction(function) and inspect.getfullargspec(function),  # not by `__wrapped__`
    inspect.getdoc,
    callable,
)


def inspected(function):
    """Return everything that `inspect` reports of a callable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # asyncio.iscoroutinefunction, from 3.14 on
        return [(question.__name__, question(function)) for question in QUESTIONS]


def same(shape, make, work, run, installed):
    """Assert that both give the same, and that the decorated one is one operation of two seconds."""
    plain = make()
    decorated = track_response_time("shape")(make())
    if shape == "partial of a partial":
        run = functools.partial(lambda run, function: run(lambda _: function()), run)
    assert inspected(decorated) == inspected(plain)
    assert run(decorated) == run(plain)
    assert rows(installed) == [("shape", 2.0, "ok", None)]
    assert work.inside == [True, True, False, False]
    assert not trace.get_current_span().get_span_context().is_valid
    assert failures.counts() == {}


# A cached coroutine or generator can be used once only, decorated or not.
EVERY_SHAPE = [(shape, kind) for shape in shapes.MAKE for kind in shapes.RUN if shape != "lru_cache" or kind == "plain"]


@pytest.mark.parametrize(("shape", "kind"), EVERY_SHAPE)
def test_every_shape_of_every_kind(installed, work, shape, kind):
    """`inspect` reports the same, the result passes, and the time is that of the awaited or iterated work."""
    same(shape, lambda: shapes.MAKE[shape](shapes.kinds(work)[kind]), work, shapes.RUN[kind], installed)


@pytest.mark.parametrize("make", [shapes.of_types_coroutine, shapes.returning_awaitable, shapes.returning_task])
def test_other_awaitables(installed, work, make):
    """A `types.coroutine`, and plain functions that return an awaitable object or a task, are timed to their end."""
    same("", lambda: make(work), work, shapes.await_, installed)


def test_a_marked_function_is_a_coroutine_function(installed, work):
    """A plain function that `markcoroutinefunction` marks stays marked, as Django's views are."""
    same("", lambda: shapes.marked(shapes.kinds(work)["coroutine"]), work, shapes.await_, installed)


@pytest.mark.parametrize("kind", shapes.RUN)
def test_a_partialmethod_above_and_below(installed, work, kind):
    """A decorated partialmethod, and one of a decorated function, work as undecorated ones."""
    function = shapes._same_kind_method(shapes.kinds(work)[kind])

    class Service:
        plain = functools.partialmethod(function, extra=5)
        above = track_response_time("above")(functools.partialmethod(function, extra=5))
        below = functools.partialmethod(track_response_time("below")(function), extra=5)

    service = Service()
    expected = shapes.RUN[kind](service.plain)
    assert [shapes.RUN[kind](service.above), shapes.RUN[kind](service.below)] == [expected, expected]
    assert inspected(service.above) == inspected(service.plain) == inspected(service.below)
    assert rows(installed) == [("above", 2.0, "ok", None), ("below", 2.0, "ok", None)]


@pytest.mark.parametrize("kind", shapes.RUN)
def test_a_staticmethod_above_and_below(installed, work, kind):
    """`@staticmethod` may be above or below, and is called through the class and through an instance."""
    function = shapes.kinds(work)[kind]

    class Service:
        plain = staticmethod(function)
        above = track_response_time("above")(staticmethod(function))
        below = staticmethod(track_response_time("below")(function))

    for owner in (Service, Service()):
        expected = shapes.RUN[kind](owner.plain)
        assert [shapes.RUN[kind](owner.above), shapes.RUN[kind](owner.below)] == [expected, expected]
    assert inspected(Service.above) == inspected(Service.plain) == inspected(Service.below)
    assert rows(installed) == [("above", 2.0, "ok", None), ("below", 2.0, "ok", None)] * 2


@pytest.mark.parametrize(
    "make", [classmethod, property, functools.cached_property, functools.singledispatchmethod, staticmethod]
)
def test_a_descriptor_is_refused_in_one_sentence(installed, make):
    """A descriptor that is not callable is refused when it is decorated, with the place for the decorator."""
    descriptor = make(lambda *_: 1)
    if callable(descriptor):
        assert track_response_time("static")(descriptor).__func__() == 1
        return
    with pytest.raises(TypeError, match=f"put it below @{make.__name__}\\.$"):
        track_response_time("refused")(descriptor)


def test_the_type_of_what_is_returned_stays(installed, work):
    """A plain function that returns a coroutine, generator, task or awaitable returns one of the same type and name."""
    functions = shapes.kinds(work)
    for kind, check in [
        ("coroutine", inspect.iscoroutine),
        ("generator", inspect.isgenerator),
        ("async generator", inspect.isasyncgen),
    ]:
        result = track_response_time("returns")(shapes._returning(functions[kind]))(7)
        assert check(result)
        assert result.__qualname__ == functions[kind].__qualname__
        if kind == "coroutine":
            assert asyncio.run(result) == (7, 1)
    request = track_response_time("returns")(shapes.returning_awaitable(work))(7)
    assert isinstance(request, shapes.Request)
    assert request.value == (7, 1)

    async def tasks():
        tasks = []
        made = track_response_time("task")(lambda: tasks.append(asyncio.ensure_future(asyncio.sleep(0))) or tasks[0])
        assert made() is tasks[0]
        await tasks[0]

    asyncio.run(tasks())


def test_an_awaitable_that_is_entered(installed, work):
    """The context manager of an HTTP client's request is timed until it is entered."""

    async def run():
        async with track_response_time("get")(shapes.returning_awaitable(work))(7) as value:
            assert value == (7, 1)
            assert not trace.get_current_span().get_span_context().is_valid

    asyncio.run(run())
    assert rows(installed) == [("get", 2.0, "ok", None)]


def test_a_context_manager_is_timed_until_it_is_left(installed, work):
    """Above `@contextmanager` and `@asynccontextmanager`, the time is that of the block, and its error passes."""

    @track_response_time("block")
    @contextlib.contextmanager
    def block():
        work()
        yield 7
        work()

    @track_response_time("async")
    @contextlib.asynccontextmanager
    async def async_block():
        with block() as value:
            yield value

    async def run():
        async with async_block() as value:
            assert value == 7

    asyncio.run(run())
    raised = ValueError()
    with pytest.raises(ValueError) as caught, block():
        raise raised
    assert caught.value is raised
    found = [("block", 2.0, "ok", None), ("async", 2.0, "ok", None), ("block", 1.0, "error", "ValueError")]
    assert rows(installed) == found


def test_the_time_before_the_first_step_does_not_count(installed, work):
    """Waiting to be awaited or iterated does not add to the time of a coroutine or generator."""
    functions = shapes.kinds(work)
    for function in (functools.partial(functions["generator"], 7), lambda: functions["generator"](7)):
        generator = track_response_time("waits")(function)()
        work.now_ns += 60_000_000_000
        assert list(generator) == [7, 1]
    assert rows(installed) == [("waits", 2.0, "ok", None)] * 2


def test_a_result_that_nothing_runs(installed, work):
    """A returned generator that is dropped cancels its operation; one of a generator function never began one."""
    functions = shapes.kinds(work)
    track_response_time("plain")(lambda: functions["generator"](7))()
    track_response_time("lazy")(functools.partial(functions["generator"], 7))()
    gc.collect()
    assert rows(installed) == [("plain", 0.0, "cancelled", None)]


def test_a_failing_task_is_an_error_and_stays_unretrieved(installed, caplog):
    """A returned task's exception is recorded by its class, and asyncio still reports that nothing retrieved it."""

    async def fail():
        raise ValueError

    async def run():
        track_response_time("task")(lambda: asyncio.ensure_future(fail()))()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cancelled = track_response_time("cancelled")(lambda: asyncio.ensure_future(asyncio.sleep(60)))()
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(run())
    gc.collect()
    assert [row[2:] for row in rows(installed)] == [("error", "ValueError"), ("cancelled", None)]
    assert "Task exception was never retrieved" in caplog.text


def test_a_proxy_equals_its_target(installed):
    """A decorated class, builtin, partial or object keeps its type, attributes, equality and pickled form."""
    partial = functools.partial(int, base=2)
    decorated = track_response_time("partial")(partial)
    assert isinstance(decorated, functools.partial)
    assert (decorated.func, decorated.keywords, decorated("101")) == (int, {"base": 2}, 5)
    copies = [pickle.loads(pickle.dumps(decorated)), copy.copy(decorated), copy.deepcopy(decorated)]
    assert [one("11") for one in copies] == [3, 3, 3]

    class Patient:
        pass

    kind = track_response_time("class")(Patient)
    assert type(kind()) is Patient
    assert isinstance(kind(), kind)

    class Child(kind):
        pass

    assert issubclass(Child, Patient)
    assert (kind == Patient, decorated == partial, decorated == decorated) == (True, False, True)  # noqa: PLR0124
    cached = track_response_time("cached")(functools.lru_cache(len))
    assert (cached("ab"), cached("ab"), cached.cache_info().hits) == (2, 2, 1)
    assert track_response_time("builtin")(len)("abc") == 3
    assert [name for name, *_ in rows(installed)] == [
        *["partial"] * 4,
        *["class"] * 2,
        *["cached"] * 2,
        "builtin",
    ]


def test_a_callable_of_a_class_binds_as_before(installed):
    """A bound builtin, a callable object and a partial in a class body are bound, or not, as undecorated ones are."""

    class Double:
        def __call__(self, *args):
            return args

    class Service:
        plain_object, plain_type = Double(), types.MethodType(Double(), "given")
        tracked_object, tracked_type = (
            track_response_time("object")(Double()),
            track_response_time("method")(types.MethodType(Double(), "given")),
        )

    service = Service()
    assert service.tracked_object(1) == service.plain_object(1) == (1,)
    assert service.tracked_type(1) == service.plain_type(1) == ("given", 1)


def test_a_descriptor_learns_its_name_as_before(installed):
    """A callable object that asks for its name in the class gets it below the decorator, too."""

    class Named:
        def __call__(self):
            return self.name

        def __set_name__(self, owner, name):
            self.name = (owner.__name__, name)

    class Service:
        answer = track_response_time("named")(Named())

    assert Service().answer() == ("Service", "answer")


@pytest.mark.parametrize("kind", shapes.RUN)
def test_decorating_twice_is_two_operations(installed, work, kind):
    """Two decorators give an operation each, the lower one below the upper one."""
    function = functools.partial(shapes.kinds(work)[kind])
    twice = track_response_time("outer")(track_response_time("inner")(function))
    shapes.RUN[kind](twice)
    inner, outer = installed.snapshot().operations()
    assert (inner.operation, outer.operation, inner.parent_span_id) == ("inner", "outer", outer.span_id)


@pytest.mark.parametrize("kind", shapes.RUN)
def test_errors_pass_through_every_kind(installed, kind):
    """The same exception object reaches the caller, and its class is recorded."""
    error = ValueError("S1234567D")

    def work():
        raise error

    for shape in ("function", "partial", "plain function that returns it", "callable object"):
        decorated = track_response_time(shape.split()[0])(shapes.MAKE[shape](shapes.kinds(work)[kind]))
        with pytest.raises(ValueError) as caught:
            shapes.RUN[kind](decorated)
        assert caught.value is error
    assert [row[2:] for row in rows(installed)] == [("error", "ValueError")] * 4
    assert len(get_performance_metrics().response_times) == 4
