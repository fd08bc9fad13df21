"""The scenarios of other APIs than generated content, and of charges in addition to tokens."""

from dataclasses import replace

from instrumentation.gemini.client_calls import ask, embed, read
from instrumentation.gemini.scenario_runner import FLASH, Scenario
from instrumentation.gemini.surface_calls import (
    batch_file,
    batch_result,
    batch_result_async,
    cache_and_delete,
    decide,
    design_voice,
    film_finished,
    interact,
    interact_and_leave,
    interact_async,
    interact_in_background,
    interact_in_background_async,
    interact_in_lines,
    interact_in_lines_async,
    interact_raw,
    leave_and_look_up,
    look_up_events,
    look_up_events_async,
    look_up_in_lines,
    look_up_raw,
    look_up_unknown,
    read_and_look_up,
)

from hydrochat_otel.testing.replies import ApiError, Chunk, Part, Reply, Usage, answer, blocked, failure

NEW = (3, 6)
USED = Usage(prompt=40, cached=10, tool=3, answer=12, thinking=7, prompt_audio=8)
DONE = Reply(usage=USED, model_version=FLASH)
GOES_ON = Reply(usage=None, model_version=FLASH, status_name="in_progress")
BATCH = Reply(batch=(Usage(prompt=1000, answer=100), Usage(prompt=1000, cached=500, answer=100)), model_version=FLASH)
PENDING = Reply(status_name="in_progress")
GEMINI_3 = "gemini-3-flash-preview"
_ASKED = Usage(prompt=1000, answer=60)

SURFACES: tuple[Scenario, ...] = (
    # interactions and decisions
    Scenario("interaction", interact(), (DONE,), since=NEW),
    Scenario("interaction_async", interact_async(), (DONE,), since=NEW),
    Scenario("interaction_stream", interact(stream=True), (DONE,), since=NEW),
    Scenario("interaction_stream_async", interact_async(stream=True), (DONE,), since=NEW),
    Scenario("interaction_raw", interact_raw(), (DONE,), since=NEW),
    Scenario("interaction_raw_stream", interact_raw(stream=True), (DONE,), since=NEW),
    Scenario("interaction_lines", interact_in_lines, (DONE,), since=NEW),
    Scenario("interaction_lines_async", interact_in_lines_async, (DONE,), since=NEW),
    Scenario(
        "interaction_lines_left",
        interact_and_leave,
        (DONE,),
        differs={
            "calls": {"cancelled": 1},
            "tokens": (0,) * 5,
            "cost_usd": 0.0,
            "saved_usd": 0.0,
            "incomplete_calls": 1,
            "unreconciled_calls": 1,
        },
        why="the service sent all, and the caller left before the event that states usage",
        since=NEW,
    ),
    Scenario(
        "interaction_ends_in_an_error",
        interact(stream=True),
        (Reply(usage=None, stream_error=ApiError(code=503), model_version=FLASH),),
        since=NEW,
    ),
    Scenario(
        "interaction_is_cancelled",
        interact(stream=True),
        (Reply(usage=USED, status_name="cancelled", model_version=FLASH),),
        differs={"calls": {"cancelled": 1}},
        why="the emulator's ledger calls a complete stream a success",
        since=NEW,
    ),
    Scenario(
        "interaction_in_background",
        interact_in_background,
        (GOES_ON, GOES_ON, DONE, DONE),
        differs={"unreconciled_calls": 0},
        why="the request states no usage because the work goes on; the first finished look-up has it",
        since=NEW,
    ),
    Scenario(
        "interaction_in_background_async",
        interact_in_background_async,
        (GOES_ON, GOES_ON, DONE, DONE),
        differs={"unreconciled_calls": 0},
        why="the request states no usage because the work goes on; the first finished look-up has it",
        since=NEW,
    ),
    *[
        Scenario(
            f"interaction_in_background_{name}",
            run,
            (GOES_ON, DONE, DONE)[: 1 + looks],
            differs={"unreconciled_calls": 0},
            why="the request states no usage because the work goes on; the first finished look-up has it",
            since=NEW,
        )
        for name, run, looks in (
            ("raw", look_up_raw, 2),
            ("lines", look_up_in_lines, 1),
            ("events", look_up_events, 2),
            ("events_async", look_up_events_async, 2),
        )
    ],
    Scenario(
        "interaction_in_background_left",
        leave_and_look_up,
        (replace(DONE, hold_after=1), DONE, DONE),
        since=NEW,
    ),
    Scenario("interaction_in_background_read", read_and_look_up, (DONE, DONE), since=NEW),
    Scenario("interaction_on_flex", interact(), (replace(DONE, usage=replace(USED, service_tier="flex")),), since=NEW),
    Scenario(
        "interaction_on_flex_raw", interact_raw(), (replace(DONE, usage=replace(USED, service_tier="flex")),), since=NEW
    ),
    Scenario(
        "interaction_on_priority_stream",
        interact(stream=True),
        (replace(DONE, usage=replace(USED, service_tier="priority")),),
        since=NEW,
    ),
    Scenario(
        "interaction_on_a_new_tier", interact(), (replace(DONE, usage=replace(USED, service_tier="turbo")),), since=NEW
    ),
    Scenario(
        "interaction_of_another_process",
        look_up_unknown,
        (DONE,),
        differs={"tokens": (0,) * 5, "cost_usd": 0.0, "saved_usd": 0.0},
        why="the process that created it counted it",
        since=NEW,
    ),
    Scenario(
        "interaction_searches_once", interact(), (Reply(usage=Usage(prompt=10, answer=5, searches=3)),), since=NEW
    ),
    Scenario("decision", decide, (DONE,), since=NEW),
    Scenario("voice", design_voice, (DONE,), since=NEW),
    # batches, videos, stored content
    Scenario("batch_finished", batch_result, (Reply(), PENDING, BATCH, BATCH)),
    Scenario("batch_finished_async", batch_result_async, (Reply(), PENDING, BATCH, BATCH)),
    Scenario(
        "batch_in_a_file",
        batch_file,
        (Reply(), Reply(to_file=True), BATCH, BATCH),
    ),
    Scenario(
        "video_finished",
        film_finished,
        (Reply(), Reply(), *[Reply(videos=2, model_version="veo-3.0-generate-001")] * 2),
        vertex=True,
    ),
    Scenario("cache_deleted", cache_and_delete, (Reply(usage=Usage(prompt=20), stored_hours=2.0),) * 2),
    # charges in addition to tokens
    Scenario("searched_on_gemini_2", ask(), (answer("x", usage=_ASKED, queries=("a", "b", "a")),)),
    Scenario("searched_on_gemini_3", ask(GEMINI_3), (answer("x", usage=_ASKED, queries=("a", "b", "a")),)),
    Scenario("searched_in_a_stream", read(GEMINI_3), (answer("x", "y", usage=_ASKED, queries=("a", "b")),)),
    Scenario("asked_maps", ask(), (answer("x", usage=_ASKED, maps=True),)),
    # usage records
    Scenario("embedded_audio", embed("gemini-embedding-2"), (Reply(usage=Usage(prompt=1000, prompt_audio=1000)),)),
    Scenario(
        "cached_audio_without_details",
        ask(),
        (
            answer(
                "x",
                usage=Usage(
                    prompt=1500, prompt_audio=1500, cached=1500, cached_audio=1500, answer=10, cached_details=False
                ),
            ),
        ),
    ),
    Scenario(
        "modality_count_that_is_none",
        ask(),
        (
            answer(
                "x",
                usage=Usage(
                    record={
                        "promptTokenCount": 10,
                        "candidatesTokenCount": 5,
                        "totalTokenCount": 15,
                        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": -4}],
                    }
                ),
            ),
        ),
        differs={"tokens": (10, 0, 0, 5, 0), "cost_usd": (10 * 0.3 + 5 * 2.5) / 1e6, "unreconciled_calls": 1},
        why="the emulator bills nothing for a record of its own, and the modality decides the price",
    ),
    Scenario(
        "blocked_with_an_empty_record",
        ask(),
        (blocked("MODEL_ARMOR", usage=Usage(record={"trafficType": "ON_DEMAND"})),),
        vertex=True,
    ),
    Scenario(
        "counts_that_are_none",
        ask(),
        (answer("x", usage=Usage(record={"promptTokenCount": 2**64, "totalTokenCount": -5})),),
    ),
    Scenario(
        "counts_that_are_none_in_a_stream",
        read(),
        (
            Reply(
                chunks=(
                    Chunk(parts=(Part(text="a"),), usage=Usage(prompt=8, answer=1)),
                    Chunk(
                        parts=(Part(text="b"),),
                        usage=Usage(record={"candidatesTokenCount": 10**30}),
                        finish_reason="STOP",
                    ),
                )
            ),
        ),
        differs={"tokens": (8, 0, 0, 1, 0), "cost_usd": (8 * 0.3 + 2.5) / 1e6, "unreconciled_calls": 1},
        why="the counts that were stated before the impossible one stand, and the call is unreconciled",
    ),
    Scenario("batch_refused", ask(), (failure(400),)),
)
