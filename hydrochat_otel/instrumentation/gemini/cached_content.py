"""Wrappers of the SDK's functions that store, change and delete cached content."""

from hydrochat_otel.instrumentation.gemini import wrappers
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, Replied


def stored(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that puts content into the cache."""
    return wrappers.unary(original, current, operation, _store)


def stored_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that puts content into the cache."""
    return wrappers.unary_async(original, current, operation, _store)


def changed(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that changes how long content is kept."""
    return wrappers.followed(original, current, operation, _extend)


def changed_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that changes how long content is kept."""
    return wrappers.followed_async(original, current, operation, _extend)


def deleted(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that deletes content from the cache."""
    return wrappers.followed(original, current, operation, _delete)


def deleted_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that deletes content from the cache."""
    return wrappers.followed_async(original, current, operation, _delete)


def _store(replied: Replied) -> None:
    api_client = getattr(replied.owner, "_api_client", None)
    replied.calls.storage.store(replied.reply, replied.arguments.get("model"), api_client)


def _extend(replied: Replied) -> None:
    replied.calls.storage.extend(replied.reply)


def _delete(replied: Replied) -> None:
    replied.calls.storage.delete(replied.arguments.get("name"))
