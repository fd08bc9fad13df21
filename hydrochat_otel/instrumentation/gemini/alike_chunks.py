"""Reads the chunks of a stream after its first, which differ from it in their text, their counts and why they end.

A stream reads each of its chunks on the host's path. These are read by a generator, whose resumption costs less than
the calls and look-ups of reading any reply; it refuses every other chunk, which is then read as any reply.
"""

import time
from collections.abc import Callable, Generator
from operator import itemgetter
from typing import Any, Final

from hydrochat_otel.instrumentation.gemini import reply_facts
from hydrochat_otel.instrumentation.gemini.chunk_times import ChunkTimes
from hydrochat_otel.instrumentation.gemini.reply_record import CANDIDATE_FIELDS, ReplyRecord, ordinary
from hydrochat_otel.prices.usage import MOST_TAKEN, UsageRecord
from hydrochat_otel.prices.usage_fields import READERS

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
    reading = _read(record, used, times.moments_s.append, chunk)
    next(reading)
    return reading.send


def _read(
    record: ReplyRecord, used: UsageRecord, came: Callable[[float], None], like: Any
) -> Generator[bool, Any, None]:
    """Read each chunk that is sent, and yield whether it was read; end after the first that was not.

    The headers are not looked at: all chunks of a stream have those of one response.
    """
    # All that a chunk needs is in variables of this frame, which are the fastest to read.
    fields, of_candidate, code_of = _FIELDS, CANDIDATE_FIELDS, _CODE
    _, _, usage, model, response_id = fields(like.__dict__)
    clock_s, add = time.perf_counter, used.taken.append
    _, counts_of, details_of, served_of = READERS[type(usage)]
    known_served = served_of(usage.__dict__)
    chunk: Any = None
    like = usage = None
    for _ in range(MOST_TAKEN - len(used.taken)):
        chunk = yield True
        now_s, was_read = clock_s(), False
        try:
            candidates, feedback, usage, its_model, its_id = fields(chunk.__dict__)
            [candidate] = candidates or _NONE
            index, grounding, urls, finish_reason, content = of_candidate(candidate.__dict__)
            for part in content.__dict__["parts"] or _NONE:
                if code_of(part.__dict__) is not None:
                    break
            else:
                stated = usage.__dict__
                counts, served = counts_of(stated), served_of(stated)
                of_prompt, of_cache, of_tool, of_output = details_of(stated)
                was_read = (
                    feedback is None
                    and its_model == model
                    and its_id == response_id
                    and not index
                    and grounding is None
                    and urls is None
                    and served == known_served
                )
        except (KeyError, AttributeError, ValueError):  # no candidate or several, no content, no usage
            break
        if not was_read:
            break
        came(now_s)
        if of_prompt is not None:
            used.of_prompt = of_prompt
        if of_output is not None:
            used.of_output = of_output
        if of_cache is not None or of_tool is not None:
            used.take_details(of_cache, of_tool)
        add(counts)
        if finish_reason is not None:
            record.take_reason(reply_facts.finish_reason(candidate))
        # The chunk is the host's: nothing of it but the details stays in use until the next one comes.
        chunk = candidates = candidate = content = part = usage = stated = None
        of_prompt = of_cache = of_tool = of_output = None
    else:
        yield True  # the last one that was read; then the counts that wait are evaluated
    yield False
