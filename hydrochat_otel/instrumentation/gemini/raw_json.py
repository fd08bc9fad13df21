"""Converts JSON of the service that the SDK does not parse into attributes with the names of the SDK's own models."""

from types import SimpleNamespace
from typing import Any


def as_attributes(said: Any) -> Any:
    """Return an object as a namespace and a list as a list, at every level; ``tokenCount`` is ``token_count``."""
    if isinstance(said, dict):
        return SimpleNamespace(**{_snake_case(str(name)): as_attributes(value) for name, value in said.items()})
    return [as_attributes(value) for value in said] if isinstance(said, list) else said


def _snake_case(name: str) -> str:
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name)
