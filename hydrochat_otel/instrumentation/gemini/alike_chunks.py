"""Reads the chunks in the middle of a stream, which differ from the one before only in their text and their counts.

A stream reads each of its chunks on the host's path. These are read by a generator, whose resumption costs less than
the calls and look-ups of reading any reply; it refuses every other chunk, which is then read as any reply.
"""

import time
from collections.abc import Callable, Generator
from operator import itemgetter
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini.chunk_times import ChunkTimes
from hydrochat_otel.instrumentation.gemini.reply_record import CANDIDATE_FIELDS, ReplyRecord, ordinary
from hydrochat_otel.prices.usage import MOST_TAKEN, UsageRecord
from hydrochat_otel.prices.usage_fields import READERS, SERVED

_FIELDS: Final = itemgetter("candidates", "prompt_feedback", "usage_metadata", "model_version", "response_id")
_CODE: Final = itemgetter("executable_code")
_NONE: Final[tuple[Any, ...]] = ()


def reader(record: ReplyRecord, times: ChunkTimes, chunk: Any) -> Callable[[Any], bool] | None:
    """Return a function that reads chunks like this one, which was read; None if this one is not ordinary.

    It returns whether it has read the chunk and noted its time. After it refused one or raised, it must not be called
    again.
    """
    used = record.usage_so_far()
    if used is None or type(vars(chunk).get("usage_metadata")) not in READERS or ordinary(chunk) is None:
        return None
    reading = _read(used, times.moments_ns.append, chunk)
    next(reading)
    return reading.send


def _read(used: UsageRecord, came: Callable[[int], None], like: Any) -> Generator[bool, Any, None]:
    """Read each chunk that is sent, and yield whether it was read; end after the first that was not.

    The headers are not looked at: all chunks of a stream have those of one response.
    """
    # All that a chunk needs is in variables of this frame, which are the fastest to read.
    fields, of_candidate, code_of = _FIELDS, CANDIDATE_FIELDS, _CODE
    _, _, usage, model, response_id = fields(like.__dict__)
    clock_ns, read, add = time.perf_counter_ns, READERS[type(usage)], used.taken.append
    known_served = [*read(usage.__dict__)[SERVED:]]
    chunk: Any = None
    like = usage = None
    for _ in range(MOST_TAKEN - len(used.taken)):
        chunk = yield True
        now_ns, was_read = clock_ns(), False
        try:
            candidates, feedback, usage, its_model, its_id = fields(chunk.__dict__)
            [candidate] = candidates or _NONE
            index, grounding, urls, finish_reason, content = of_candidate(candidate.__dict__)
            for part in content.__dict__["parts"] or _NONE:
                if code_of(part.__dict__) is not None:
                    break
            else:
                prompt, cached, tool, answer, thought, total, of_prompt, of_cache, of_tool, of_output, *served = read(
                    usage.__dict__
                )
                was_read = (
                    feedback is None
                    and its_model == model
                    and its_id == response_id
                    and not index
                    and grounding is None
                    and urls is None
                    and finish_reason is None
                    and served == known_served
                )
        except (KeyError, AttributeError, ValueError):  # no candidate or several, no content, no usage
            break
        if not was_read:
            break
        came(now_ns)
        if of_prompt is not None:
            used.of_prompt = of_prompt
        if of_output is not None:
            used.of_output = of_output
        if of_cache is not None or of_tool is not None:
            used.take_details(of_cache, of_tool)
        add((prompt, cached, tool, answer, thought, total))
        # The chunk is the host's: nothing of it but the details stays in use until the next one comes.
        chunk = candidates = candidate = content = part = usage = None
        of_prompt = of_cache = of_tool = of_output = None
    else:
        yield True  # the last one that was read; then the counts that wait are evaluated
    yield False
