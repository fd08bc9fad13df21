"""Promise: no broad handler of ours swallows what a signal handler of the host raises, such as a time limit."""

import ast
from pathlib import Path

import pytest

import hydrochat_otel

PACKAGE = Path(hydrochat_otel.__file__).parent
BROAD = {"Exception", "BaseException"}
PASSES_ON = {"note", "contained", "is_the_hosts", "pass_on"}
APART = {
    "cli": "a command is a program of its own",
    "doctor": "the same",
    "testing": "runs no code of ours in the host",
    "auto/run_messages.py": "the last line of a program, when its handlers are gone",
    "runtime/deadline_fetch.py": "a thread of its own, whose exception its caller raises",
    "instrumentation/generators.py": "throws it into the host's generator",
    "instrumentation/stretches.py": "throws it into the host's awaitable",
    "instrumentation/gemini/streams.py": "throws it into the generator of the SDK",
}
"""Rooms and files in which a broad handler may stay without asking, and why."""


def _swallows(handler):
    """Return whether the handler neither raises nor asks whose exception it is."""
    kind = handler.type
    if kind is not None and not BROAD & {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}:
        return False
    inside = [node for statement in handler.body for node in ast.walk(statement)]
    if any(isinstance(node, ast.Raise) and (node.exc is None or _is_the_same(node.exc, handler)) for node in inside):
        return False
    called = {_name_of(node.func) for node in inside if isinstance(node, ast.Call)}
    return not PASSES_ON & called


def _is_the_same(raised, handler):
    return isinstance(raised, ast.Name) and raised.id == handler.name


def _name_of(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)


def _suppresses(call):
    """Return whether the call is a `suppress` of a broad class."""
    return _name_of(call.func) == "suppress" and bool(BROAD & set(map(_name_of, call.args)))


def _is_broad(node):
    return (isinstance(node, ast.ExceptHandler) and _swallows(node)) or (
        isinstance(node, ast.Call) and _suppresses(node)
    )


def _broad_places(text):
    """Return the lines of handlers and of `suppress` that would swallow the host's exception."""
    return [node.lineno for node in ast.walk(ast.parse(text)) if _is_broad(node)]


def test_every_broad_handler_asks_whose_exception_it_is():
    """It raises, notes the failure, which raises what is the host's, or passes on what is the host's."""
    swallowing = {
        (name, line)
        for file in PACKAGE.rglob("*.py")
        if not (name := file.relative_to(PACKAGE).as_posix()).startswith(tuple(APART))
        for line in _broad_places(file.read_text(encoding="utf-8"))
    }
    assert swallowing == set()


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("try: f()\nexcept Exception: pass", True),
        ("try: f()\nexcept: pass", True),
        ("try: f()\nexcept (OSError, BaseException) as error: g(error)", True),
        ("try: f()\nexcept Exception as error: raise ValueError from error", True),
        ("with suppress(Exception): f()", True),
        ("with contextlib.suppress(Exception): f()", True),
        ("try: f()\nexcept Exception as error: note('place', error)", False),
        ("try: f()\nexcept Exception: raise", False),
        ("try: f()\nexcept ValueError: pass", False),
        ("with suppress(ValueError): f()", False),
    ],
)
def test_a_handler_that_swallows_is_found(text, is_found):
    """The check itself: every form of a broad handler."""
    assert bool(_broad_places(text)) is is_found
