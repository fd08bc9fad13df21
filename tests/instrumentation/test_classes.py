"""Promises of :mod:`hydrochat_otel.instrumentation.classes`, and of proxies of classes that others use.

The classes of this module are decorated as its `class` statements define them: pipelines come later, with the tests.
"""

import copy
import dataclasses
import enum
import functools
import inspect
import pickle
import typing
from collections import abc

import pytest

from hydrochat_otel.instrumentation.tracker import track_response_time
from hydrochat_otel.runtime import failures

tracked = track_response_time("made")
_Value = typing.TypeVar("_Value")


class WithFeatures(type):
    """A metaclass that gives its classes a length, an order, members, keys and a call of their own."""

    def __iter__(cls):
        return iter([1, 2])

    def __len__(cls):
        return 2

    def __getitem__(cls, key):
        return key

    def __contains__(cls, value):
        return value == 1

    def __call__(cls, *args):
        return super().__call__(*args)


class Other:
    def __init__(self):
        self.other = True


def everything(decorate):
    """Return a class of each kind."""

    @decorate
    class Old:
        """Documented."""

        def __init__(self, value=1):
            super(Old, self).__init__()  # noqa: UP008 - the older form needs a class
            self.value = value

    @decorate
    class Plain:
        pass

    @decorate
    class Color(enum.Enum):
        RED = 1
        BLUE = 2

    @decorate
    @dataclasses.dataclass
    class Record:
        value: int = 1

    @decorate
    @dataclasses.dataclass(frozen=True, slots=True)
    class Frozen:
        value: int = 1

    @decorate
    class Row(typing.NamedTuple):
        value: int = 1

    @decorate
    class Box(typing.Generic[_Value]):
        pass

    @decorate
    class RefusedError(Exception):
        pass

    @decorate
    class Text(str):
        __slots__ = ()

    @decorate
    class Featured(metaclass=WithFeatures):
        pass

    @decorate
    class OfNew:
        def __new__(cls, value=1):
            made = super().__new__(cls)
            made.value = value
            return made

    return {name: kind for name, kind in locals().items() if isinstance(kind, type)}


PLAIN, TRACKED = everything(lambda kind: kind), everything(tracked)
ARGUMENTS = {"Color": (1,), "RefusedError": ("text",), "Text": ("text",)}


@tracked
class Reading:
    def __init__(self, value):
        self.value = value


@tracked
class Stage(enum.Enum):
    OPEN = "open"


class Ward(enum.Enum):
    NORTH = 1
    SOUTH = 2


class Bed:
    def __init__(self, number=1):
        self.number = number


def names(installed):
    return [entry.operation for entry in installed.snapshot().operations()]


def facts(kind):
    """Return what `inspect`, `typing` and the language report of a class."""
    found = [inspect.isclass(kind), inspect.getdoc(kind), type(kind), kind.__name__, kind.__mro__[1:], bool(kind)]
    found += [isinstance(kind, one) for one in (abc.Iterable, abc.Sized, abc.Container, abc.Callable)]
    found += [hasattr(kind, name) for name in ("__iter__", "__len__", "__getitem__", "__await__", "__members__")]
    try:
        found.append(inspect.signature(kind))
    except ValueError:  # a class of C has none
        return found[:-1]
    return found


@pytest.mark.parametrize("name", [name for name in PLAIN if name not in {"RefusedError", "Text"}])
def test_a_decorated_class_looks_as_before(name):
    """Type, bases, documentation, features and signature stay those of the undecorated class."""
    assert facts(TRACKED[name]) == facts(PLAIN[name])


@pytest.mark.parametrize("name", PLAIN)
def test_one_construction_is_one_operation(installed, name):
    """Each call of a decorated class is one operation, and returns an instance whose type is the class."""
    kind, arguments = TRACKED[name], ARGUMENTS.get(name, ())
    made = [kind(*arguments), kind(*arguments)]
    assert [type(one) for one in made] == [kind, kind]
    assert names(installed) == ["made"] * 2
    assert failures.counts() == {}


def test_a_decorated_class_is_a_class_to_the_language(installed):
    """`except`, `match`, iteration, subscription, unions, `isinstance` and registries take it."""
    with pytest.raises(TRACKED["RefusedError"], match="text"):
        raise TRACKED["RefusedError"]("text")
    match TRACKED["Record"](3):
        case TRACKED_RECORD.Record(value=3):
            matched = True
    assert matched
    color = TRACKED["Color"]
    assert (list(color), len(color), color["RED"] in color) == ([color.RED, color.BLUE], 2, True)
    featured = TRACKED["Featured"]
    assert (list(featured), len(featured), featured[7], 1 in featured, 3 in featured) == ([1, 2], 2, 7, True, False)
    assert isinstance(TRACKED["Box"][int](), TRACKED["Box"])
    assert typing.get_args(TRACKED["Plain"] | None) == (TRACKED["Plain"], type(None))
    single = functools.singledispatch(lambda _: "other")
    single.register(TRACKED["Plain"], lambda _: "plain")
    assert single(TRACKED["Plain"]()) == "plain"
    assert dataclasses.replace(TRACKED["Record"](1), value=2) == TRACKED["Record"](2)
    assert TRACKED["Row"](1)._replace(value=2) == (2,)
    assert len(names(installed)) == 8


class TRACKED_RECORD:  # noqa: N801 - a pattern needs a dotted name
    Record = TRACKED["Record"]


def test_instances_are_pickled_and_copied(installed):
    """Instances of a decorated class, and the class itself, are pickled by name, without a construction."""
    reading = Reading(7)
    assert [one.value for one in (pickle.loads(pickle.dumps(reading)), copy.deepcopy(reading))] == [7, 7]
    assert pickle.loads(pickle.dumps(Reading)) is Reading
    assert pickle.loads(pickle.dumps(Stage.OPEN)) is Stage.OPEN
    assert names(installed)[:1] == ["made"]


def test_a_subclass_constructs_as_before(installed):
    """A subclass is not tracked, and an added `__init__` leaves the construction to the next base."""

    class Both(TRACKED["Plain"], Other):
        pass

    class OfValue(TRACKED["Plain"], TRACKED["Row"]):
        pass

    class Child(TRACKED["Old"]):
        pass

    assert (Both().other, OfValue(5).value, Child(3).value) == (True, 5, 3)
    assert names(installed) == []


def test_an_enumeration_without_members_may_have_subclasses():
    """A decorated base of enumerations gives them its methods, and the members stay members."""

    @tracked
    class Named(enum.Enum):
        def title(self):
            return self.name.title()

    class Side(Named):
        LEFT = 1

    assert (Side(1), Side.LEFT.title(), list(Side)) == (Side.LEFT, "Left", [Side.LEFT])


class Hostile(type):
    """A metaclass that raises wherever it is asked."""

    def __getattr__(cls, name):
        raise RuntimeError(name)

    def __setattr__(cls, name, value):
        raise RuntimeError(name)


def test_a_metaclass_that_raises_stops_no_import(installed):
    """The class is decorated without a call of its metaclass's methods, and its construction is tracked."""

    @tracked
    class Guarded(metaclass=Hostile):
        pass

    assert type(Guarded()) is Guarded
    assert names(installed) == ["made"]


def test_wrong_arguments_and_errors_pass_through(installed):
    """A class without a constructor refuses arguments by its name, and an error is recorded by its class."""
    with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments"):
        TRACKED["Plain"](1)
    assert [(entry.outcome, entry.error) for entry in installed.snapshot().operations()] == [("error", "TypeError")]


@pytest.mark.parametrize("slots", [True, False])
def test_a_copy_that_another_decorator_makes_is_tracked(installed, slots):
    """A new class that `dataclass(slots=True)` makes above keeps its own tracked `__init__`."""

    @dataclasses.dataclass(slots=slots, init=False)
    @tracked
    class Given:
        value: int

        def __init__(self):
            self.value = 1

    assert Given().value == 1
    assert names(installed) == ["made"]


@pytest.mark.parametrize("name", ["Plain", "Old", "Color", "Row", "Text"])
def test_a_class_is_decorated_more_than_once(installed, name):
    """Two decorators give two operations, and a wrapper of another library above stays in force."""
    kind = everything(lambda one: track_response_time("outer")(tracked(one)))[name]
    assert type(kind(*ARGUMENTS.get(name, ()))) is kind
    assert names(installed) == ["made", "outer"]


def test_a_wrapper_of_the_constructor_above_stays_in_force(installed):
    """Another decorator may replace the constructor by one that calls ours; the construction is tracked."""
    seen = []

    def logged(kind):
        before = kind.__init__

        def __init__(self, *args):  # noqa: N807 - the name of what it replaces
            seen.append(args)
            before(self, *args)

        kind.__init__ = __init__
        return kind

    assert type(logged(everything(tracked)["Plain"])()).__name__ == "Plain"
    assert (seen, names(installed)) == ([()], ["made"])


def test_a_copy_of_another_name_is_tracked(installed):
    """A class that is made of the decorated one's attributes constructs its instances, and is tracked."""
    plain = everything(tracked)["Plain"]
    attributes = {name: value for name, value in vars(plain).items() if name not in {"__dict__", "__weakref__"}}
    copied = type("Copied", (Other,), attributes)
    copied.__qualname__ = "Copied"
    assert copied().other is True
    assert names(installed) == ["made"]


def test_a_class_that_others_use_stays_untracked(installed):
    """Decorating a class that its module already names tracks the calls of what is returned only."""
    ward, bed = tracked(Ward), tracked(Bed)
    assert (list(ward), [*map(ward, [1, 2])], Ward(1)) == ([Ward.NORTH, Ward.SOUTH], [*Ward], Ward.NORTH)
    assert type(bed(2)) is type(Bed(2)) is Bed
    assert names(installed) == ["made"] * 3
    with pytest.raises(TypeError):
        iter(bed)


def test_a_class_of_c_is_called_through_a_proxy(installed):
    """A builtin class cannot be changed: what is returned is tracked."""
    made = tracked(dict)
    assert made(a=1) == {"a": 1}
    assert names(installed) == ["made"]


def test_a_callable_object_keeps_its_own_special_methods(installed):
    """A callable that is an iterable, an async iterator or a path is one after decoration, and no other is."""

    class Stepping:
        def __call__(self):
            return 1

        def __iter__(self):
            return iter([1])

        def __fspath__(self):
            return "path"

    stepping, plain = tracked(Stepping()), tracked(functools.partial(int))
    assert (list(stepping), stepping.__fspath__(), stepping()) == ([1], "path", 1)
    assert (isinstance(stepping, abc.Iterable), isinstance(plain, abc.Iterable)) == (True, False)
    assert names(installed) == ["made"]
