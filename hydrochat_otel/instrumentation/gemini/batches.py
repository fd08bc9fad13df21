"""Batch jobs: their usage is known once they have succeeded, from the job itself or from the file that it wrote.

A job's usage counts once: when a process that created the job or saw it unfinished first sees it finished, or first
downloads its file.
"""

from typing import Final

from hydrochat_otel.instrumentation.gemini import batch_files, wrappers
from hydrochat_otel.instrumentation.gemini.wrappers import Current, Function, Replied
from hydrochat_otel.prices.counts import text_of

_SUCCEEDED: Final = frozenset({"JOB_STATE_SUCCEEDED", "JOB_STATE_PARTIALLY_SUCCEEDED"})
_ENDED: Final = _SUCCEEDED | {"JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"}


def created(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that creates a batch job."""
    return wrappers.unary(original, current, operation, _note_begun)


def created_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that creates a batch job."""
    return wrappers.unary_async(original, current, operation, _note_begun)


def result(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that looks a batch job up."""
    return wrappers.followed(original, current, operation, _take_job)


def result_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that looks a batch job up."""
    return wrappers.followed_async(original, current, operation, _take_job)


def downloaded(original: Function, current: Current, operation: str) -> Function:
    """Wrap the function that downloads a file, which may be the one that a batch job wrote."""
    return wrappers.followed(original, current, operation, _take_file)


def downloaded_async(original: Function, current: Current, operation: str) -> Function:
    """Wrap the coroutine function that downloads a file, which may be the one that a batch job wrote."""
    return wrappers.followed_async(original, current, operation, _take_file)


def _note_begun(replied: Replied) -> None:
    """Remember a job that was created or seen unfinished."""
    job = replied.reply
    if isinstance(name := getattr(job, "name", None), str):
        model = getattr(job, "model", None) or replied.arguments.get("model")
        replied.calls.late.batches.put(name, str(model or ""))


def _take_job(replied: Replied) -> None:
    job, late = replied.reply, replied.calls.late
    name, state = getattr(job, "name", None), text_of(getattr(job, "state", None))
    if not isinstance(name, str):
        return
    if state not in _ENDED:
        _note_begun(replied)
        return
    model = late.batches.take(name)
    destination = getattr(job, "dest", None)
    if model is None or state not in _SUCCEEDED or destination is None:
        return
    if isinstance(file := getattr(destination, "file_name", None), str):
        late.batch_files.put(_file_name(file), model)
        return
    responses = getattr(destination, "inlined_responses", None) or ()
    responses = responses or getattr(destination, "inlined_embed_content_responses", None) or ()
    call = replied.begin(model)
    if call is not None:
        batch_files.take_replies(
            call, (reply for one in responses if (reply := getattr(one, "response", None)) is not None)
        )


def _take_file(replied: Replied) -> None:
    """Take what a batch's file says, if it is one: from the bytes, or from the path that it was written to."""
    content, files = replied.reply, replied.calls.late.batch_files
    if not len(files):
        return
    file = replied.arguments.get("file")
    name = file if isinstance(file, str) else getattr(file, "name", None)
    model = files.take(_file_name(name)) if isinstance(name, str) else None
    call = None if model is None else replied.begin(model)
    if call is not None:
        batch_files.take(call, content if isinstance(content, bytes) else replied.arguments.get("destination"))


def _file_name(name: str) -> str:
    return name.rsplit("/", 1)[-1].split(":", 1)[0]
