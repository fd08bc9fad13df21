"""Batch jobs: their usage is known once they have succeeded, from the job itself or from the file that it wrote.

A job's usage counts once: when a process that created the job or saw it unfinished first sees it finished, or first
downloads its file.
"""

import functools
import json
import threading
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.call import Call
from hydrochat_otel.instrumentation.gemini.calls import Calls
from hydrochat_otel.instrumentation.gemini.raw_json import as_attributes
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, begin
from hydrochat_otel.prices.counts import text_of
from hydrochat_otel.runtime import failures

_SUCCEEDED: Final = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"})
_ENDED: Final = _SUCCEEDED | {"JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}
_LONGEST_LINE: Final = 64 * 1024 * 1024


def created(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that creates a batch job."""

    @functools.wraps(original)
    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return original(self, *args, **kwargs)
        with call:
            job = original(self, *args, **kwargs)
        call.complete(job)
        _note_begun(current(), job, kwargs.get("model"))
        return job

    return counted


def created_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that creates a batch job."""

    @functools.wraps(original)
    async def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = begin(current, operation, self, kwargs)
        if call is None:
            return await original(self, *args, **kwargs)
        with call:
            job = await original(self, *args, **kwargs)
        call.complete(job)
        _note_begun(current(), job, kwargs.get("model"))
        return job

    return counted


def result(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that looks a batch job up."""

    @functools.wraps(original)
    def looked_up(self: Any, *args: Any, **kwargs: Any) -> Any:
        job = original(self, *args, **kwargs)
        _take_job(current(), operation, self, job)
        return job

    return looked_up


def result_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that looks a batch job up."""

    @functools.wraps(original)
    async def looked_up(self: Any, *args: Any, **kwargs: Any) -> Any:
        job = await original(self, *args, **kwargs)
        _take_job(current(), operation, self, job)
        return job

    return looked_up


def downloaded(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that downloads a file, which may be the one that a batch job wrote."""

    @functools.wraps(original)
    def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        content = original(self, *args, **kwargs)
        _take_file(current(), operation, self, kwargs.get("file"), content)
        return content

    return passed


def downloaded_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that downloads a file."""

    @functools.wraps(original)
    async def passed(self: Any, *args: Any, **kwargs: Any) -> Any:
        content = await original(self, *args, **kwargs)
        _take_file(current(), operation, self, kwargs.get("file"), content)
        return content

    return passed


def _note_begun(counting: Calls | None, job: Any, model: object) -> None:
    """Remember a job that was created or seen unfinished."""
    try:
        name = getattr(job, "name", None)
        if counting is not None and isinstance(name, str):
            counting.late.batches.put(name, str(getattr(job, "model", None) or model or ""))
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _take_job(counting: Calls | None, operation: str, owner: Any, job: Any) -> None:
    if counting is None:
        return
    try:
        name, state = getattr(job, "name", None), text_of(getattr(job, "state", None))
        if not isinstance(name, str):
            return
        if state not in _ENDED:
            _note_begun(counting, job, None)
            return
        model = counting.late.batches.take(name)
        destination = getattr(job, "dest", None)
        if model is None or state not in _SUCCEEDED or destination is None:
            return
        if isinstance(file := getattr(destination, "file_name", None), str):
            counting.late.batch_files.put(_file_name(file), model)
            return
        responses = getattr(destination, "inlined_responses", None) or ()
        responses = responses or getattr(destination, "inlined_embed_content_responses", None) or ()
        call = counting.begin(operation, model, getattr(owner, "_api_client", None))
        if call is not None:
            _take_replies(call, (reply for one in responses if (reply := getattr(one, "response", None)) is not None))
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _take_file(counting: Calls | None, operation: str, owner: Any, file: Any, content: Any) -> None:
    if counting is None or not isinstance(content, bytes) or not len(counting.late.batch_files):
        return
    try:
        name = file if isinstance(file, str) else getattr(file, "name", None)
        model = counting.late.batch_files.take(_file_name(name)) if isinstance(name, str) else None
        call = None if model is None else counting.begin(operation, model, getattr(owner, "_api_client", None))
        if call is not None:
            # A file of a batch may be gigabytes: it is not read in the caller's thread.
            threading.Thread(target=_take_lines, args=(call, content), name="hydrochat-otel-batch", daemon=True).start()
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _take_lines(call: Call, content: bytes) -> None:
    try:
        _take_replies(call, _replies_of(content))
    except Exception as error:
        failures.note("google_genai.late_usage", error)


def _take_replies(call: Call, replies: Iterable[Any]) -> None:
    """End the call with the usage of all replies, each priced separately."""
    for reply in replies:
        call.take(reply)
        call.close_turn()
    call.succeed()


def _replies_of(content: bytes) -> Iterator[SimpleNamespace]:
    """Yield each line of a batch's file as attributes like those of the SDK's own models."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        line = content[start : min(end, start + _LONGEST_LINE)]
        start = end + 1
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        response = said.get("response") if isinstance(said, dict) else None
        if isinstance(response, dict):
            usage = response.get("usageMetadata")
            yield SimpleNamespace(
                usage_metadata=as_attributes(usage) if isinstance(usage, dict) else None,
                model_version=response.get("modelVersion"),
                token_count=response.get("tokenCount"),
            )


def _file_name(name: str) -> str:
    return name.rsplit("/", 1)[-1].split(":", 1)[0]
