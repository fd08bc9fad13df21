"""The scenarios: everything that can happen between the client and Gemini and must be counted exactly."""

from dataclasses import replace

from google.genai import types
from instrumentation.gemini.client_calls import (
    ask,
    ask_async,
    batch,
    broken_lookup,
    cache,
    cancel,
    cancel_in_stream,
    close_early,
    close_early_async,
    count,
    count_async,
    draw,
    drop,
    drop_async,
    embed,
    film,
    film_async,
    from_threads,
    gather,
    ignore_errors,
    leave_loop,
    list_models,
    lookup,
    never_read,
    one_config_for_many,
    read,
    read_async,
    step_by_step,
    step_by_step_async,
    talk,
    talk_async,
    talk_stream,
    talk_stream_async,
    talk_with_tools,
    throw_into,
    tokenise,
)
from instrumentation.gemini.scenario_runner import FLASH, SDK_VERSION, Scenario, usd
from instrumentation.gemini.scenarios_surfaces import SURFACES

from hydrochat_otel.testing.replies import (
    ApiError,
    Chunk,
    Part,
    Reply,
    Usage,
    answer,
    blocked,
    failure,
    function_call,
    rate_limited,
)

PRO, LITE, EXP = "gemini-2.5-pro", "gemini-2.5-flash-lite", "gemini-2.0-flash-exp"
FULL = Usage(prompt=120, cached=50, tool=7, answer=20, thinking=9, prompt_audio=30, prompt_image=10, cached_audio=12)
WORDS = answer("Keep ", "it ", "dry.", usage=Usage(prompt=30, answer=12, thinking=6))


def _times(number: int, reply: Reply) -> tuple[Reply, ...]:
    return (reply,) * number


_CONTINUED = Reply(
    parts=(Part(text="Keep "),),
    finish_reason="CONTINUATION",
    continuation_token="dG9rZW4=",
    usage=Usage(prompt=9, answer=3),
)
_INCLUSIVE = Usage(prompt=341, answer=15, thinking=3347, thinking_inside=True)
_FLEX = Usage(prompt=1000, answer=100, traffic_type="ON_DEMAND_FLEX")

SCENARIOS: tuple[Scenario, ...] = (
    # the four kinds of request
    Scenario("plain", ask(), (answer("Yes."),)),
    Scenario("plain_async", ask_async(), (answer("Yes."),)),
    Scenario("stream", read(), (WORDS,)),
    Scenario("stream_async", read_async(), (WORDS,)),
    Scenario("stream_next", step_by_step, (WORDS,)),
    Scenario("stream_anext", step_by_step_async, (WORDS,)),
    Scenario("stream_of_one_chunk", read(), (answer("Yes."),)),
    Scenario("stream_never_read", never_read, ()),
    Scenario("structured", ask(response_mime_type="application/json", response_schema={"type": "STRING"}), (Reply(),)),
    # chats and automatic function calling
    Scenario("chat", talk, _times(2, answer("Yes."))),
    Scenario("chat_async", talk_async, _times(2, answer("Yes."))),
    Scenario("chat_stream", talk_stream, _times(2, WORDS)),
    Scenario("chat_stream_async", talk_stream_async, _times(2, WORDS)),
    Scenario(
        "tools_one_hop",
        ask(tools=[lookup]),
        (
            function_call("lookup", {"name": "a"}, usage=Usage(prompt=80, answer=10)),
            answer("x", usage=Usage(prompt=170, answer=20)),
        ),
    ),
    Scenario(
        "tools_three_hops_async",
        ask_async(tools=[lookup]),
        (
            *[function_call("lookup", {"name": name}, usage=Usage(prompt=50, answer=7, thinking=2)) for name in "abc"],
            answer("x"),
        ),
    ),
    Scenario("tools_stream", read(tools=[lookup]), (function_call("lookup", {"name": "a"}), WORDS)),
    Scenario("tools_stream_async", read_async(tools=[lookup]), (function_call("lookup", {"name": "a"}), WORDS)),
    Scenario("tools_in_chat", talk_with_tools, (function_call("lookup", {"name": "a"}), answer("x"))),
    Scenario(
        "tools_that_fail", ask(tools=[broken_lookup]), (function_call("broken_lookup", {"name": "a"}), answer("x"))
    ),
    Scenario("tools_config_shared", one_config_for_many, _times(5, answer("Yes."))),
    Scenario(
        "tool_call_left_to_the_caller",
        ask(tools=[lookup], automatic_function_calling={"disable": True}),
        (function_call("lookup", {"name": "a"}),),
    ),
    Scenario("continued", ask(), (_CONTINUED, answer("dry.")), since=(3, 0)),
    Scenario("continued_stream_async", read_async(), (_CONTINUED, WORDS), since=(3, 0)),
    # the ledger
    Scenario("thinking", ask(), (answer("Yes.", usage=Usage(prompt=10, answer=5, thinking=40)),)),
    Scenario("thinking_inside_candidates", ask(), (answer("Yes.", usage=_INCLUSIVE),)),
    Scenario("thinking_inside_stream_async", read_async(), (answer("a", "b", "c", usage=_INCLUSIVE),)),
    Scenario("thinking_only", ask(), (answer("", usage=Usage(prompt=10, thinking=40), finish_reason="MAX_TOKENS"),)),
    Scenario("cached", ask(), (answer("Yes.", usage=Usage(prompt=1000, cached=900, answer=5)),)),
    Scenario("audio", ask(), (answer("Yes.", usage=Usage(prompt=500, prompt_audio=400, answer=5)),)),
    Scenario(
        "audio_cached",
        ask(),
        (answer("Yes.", usage=Usage(prompt=500, cached=450, prompt_audio=400, cached_audio=390, answer=5)),),
    ),
    Scenario("image", ask(), (answer("Yes.", usage=Usage(prompt=500, prompt_image=258, answer=5)),)),
    Scenario("service_tools", ask(), (answer("Yes.", usage=Usage(prompt=20, tool=300, answer=5)),)),
    Scenario("everything_at_once", ask(), (answer("Yes.", usage=FULL),)),
    Scenario("everything_streamed", read(), (answer("a", "b", "c", usage=FULL),)),
    Scenario("everything_on_vertex", ask(), (answer("Yes.", usage=FULL),), vertex=True),
    Scenario("no_usage", ask(), (answer("Yes.", usage=None),)),
    Scenario("no_usage_stream", read(), (answer("a", "b", usage=None),)),
    Scenario("usage_on_the_last_chunk", read(), (replace(WORDS, usage_on="last"),)),
    Scenario("usage_null_on_the_last_chunk", read(), (replace(WORDS, usage_on="null_last"),)),
    Scenario("usage_null_on_the_last_chunk_async", read_async(), (replace(WORDS, usage_on="null_last"),)),
    Scenario(
        "usage_names_traffic_only_until_the_end",
        read(),
        (
            Reply(
                chunks=(
                    Chunk(parts=(Part(text="a"),), usage=Usage(record={"trafficType": "ON_DEMAND"})),
                    Chunk(parts=(Part(text="b"),), usage=Usage(prompt=8, answer=2), finish_reason="STOP"),
                )
            ),
        ),
        vertex=True,
    ),
    Scenario("usage_does_not_balance", ask(), (answer("Yes.", usage=Usage(prompt=10, answer=5, total=99)),)),
    Scenario(
        "several_candidates", ask(candidate_count=3), (answer("Yes.", candidates=3, usage=Usage(prompt=10, answer=15)),)
    ),
    Scenario("no_candidates", ask(), (Reply(candidates=0, usage=Usage(prompt=10)),)),
    Scenario("cut_at_the_limit", ask(max_output_tokens=5), (answer("Ye", finish_reason="MAX_TOKENS"),)),
    # dollars
    Scenario("contract_rate", ask(EXP), (answer("Yes.", usage=Usage(prompt=35_000, answer=10_000)),)),
    Scenario(
        "contract_rate_by_full_name", ask(f"models/{EXP}"), (answer("Yes.", usage=Usage(prompt=35_000, answer=10_000)),)
    ),
    Scenario("context_tier_reached_exactly", ask(PRO), (answer("Yes.", usage=Usage(prompt=200_000, answer=100)),)),
    Scenario(
        "context_tier_exceeded", ask(PRO), (answer("Yes.", usage=Usage(prompt=200_001, cached=150_000, answer=100)),)
    ),
    Scenario(
        "context_tier_by_tool_tokens", ask(PRO), (answer("Yes.", usage=Usage(prompt=199_000, tool=2_000, answer=100)),)
    ),
    Scenario("another_version_answers", ask(PRO), (answer("Yes.", model_version=LITE),)),
    Scenario("release_suffix", ask("gemini-2.0-flash-001"), (answer("Yes.", model_version="gemini-2.0-flash-001"),)),
    Scenario("model_without_a_price", ask("gemini-9-ultra"), (answer("Yes."),)),
    Scenario("model_without_a_price_stream", read("gemini-9-ultra"), (WORDS,)),
    Scenario(
        "free_model",
        ask("gemma-3-27b-it"),
        (answer("Yes."),),
        differs={"unpriced_tokens": 0},
        why="the emulator's books know no free models",
    ),
    Scenario("vertex_full_name", ask(f"publishers/google/models/{FLASH}"), (answer("Yes."),), vertex=True),
    Scenario(
        "flex_tier",
        ask(),
        (answer("Yes.", usage=_FLEX),),
        vertex=True,
    ),
    Scenario(
        "priority_tier",
        ask(PRO),
        (answer("Yes.", usage=Usage(prompt=200_001, cached=1000, answer=100, traffic_type="ON_DEMAND_PRIORITY")),),
        vertex=True,
    ),
    Scenario(
        "flex_tier_with_a_rate",
        ask("gemini-3.8-flash-tts"),
        (answer("Yes.", usage=_FLEX),),
        vertex=True,
        differs={"cost_usd": usd("0.25", 1000) + usd("4.5", 100), "unpriced_tokens": 0},
        why="the emulator's books have no rate of this model; the expected ones are genai-prices' until 2027",
    ),
    Scenario(
        "provisioned_throughput",
        ask(),
        (answer("Yes.", usage=Usage(prompt=10, answer=5, traffic_type="PROVISIONED_THROUGHPUT")),),
        vertex=True,
    ),
    Scenario(
        "traffic_of_a_new_type",
        ask(),
        (answer("Yes.", usage=Usage(prompt=10, answer=5, traffic_type="ON_DEMAND_BURST")),),
        vertex=True,
    ),
    # embeddings, counting, and what is no text
    Scenario("embed", embed(), (Reply(usage=Usage(prompt=7)),)),
    Scenario("embed_many", embed(contents=["a", "b", "c"]), (Reply(usage=Usage(prompt=9)),)),
    Scenario("embed_vertex", embed(contents=["a", "b"]), (Reply(usage=Usage(prompt=9)),), vertex=True),
    Scenario("embed_without_usage", embed(), (Reply(usage=None),)),
    Scenario("embed_fails", embed(), (failure(400),)),
    Scenario("count_tokens", count, (Reply(usage=Usage(prompt=7)),)),
    Scenario("count_tokens_async", count_async, (Reply(usage=Usage(prompt=7)),)),
    Scenario("compute_tokens", tokenise, (Reply(),), vertex=True),
    Scenario("images", draw, (Reply(),), vertex=True),
    Scenario("videos", film, (Reply(),), vertex=True),
    Scenario("videos_async", film_async, (Reply(),), vertex=True),
    Scenario("cache_created", cache, (Reply(usage=Usage(prompt=2000)),)),
    Scenario("batch_created", batch, (Reply(),)),
    Scenario(
        "models_listed",
        list_models,
        (Reply(),),
        differs={"calls": {}, "attempts": 0},
        why="a list is no call of a model",
    ),
    # outcomes
    Scenario("blocked_prompt", ask(), (blocked(),)),
    Scenario("blocked_prompt_stream", read(), (blocked(),)),
    Scenario("blocked_answer", ask(), (answer("", finish_reason="SAFETY", usage=Usage(prompt=10, answer=3)),)),
    Scenario("blocked_answer_stream_async", read_async(), (answer("a", "b", finish_reason="PROHIBITED_CONTENT"),)),
    Scenario("failed", ask(), (failure(400),)),
    Scenario("failed_async", ask_async(), (failure(403),)),
    Scenario("failed_stream", read(), (failure(500),)),
    Scenario("failed_stream_async", read_async(), (failure(404),)),
    Scenario("failed_then_fine", ignore_errors(ask(), ask()), (failure(400), answer("Yes."))),
    Scenario("refused_before_it_is_sent", ask(audio_timestamp=True), ()),
    Scenario("malformed", ask(), (Reply(body=b'{"candidates": ['),)),
    Scenario("malformed_stream", read(), (Reply(body=b"data: {\r\n\r\n"),)),
    Scenario("dead_before_the_answer", ask(), (Reply(cut_after=0),)),
    Scenario("dead_before_the_first_chunk", read(), (Reply(cut_after=0),)),
    Scenario("dead_in_the_stream", read(), (replace(WORDS, cut_after=2),)),
    Scenario("dead_in_the_stream_async", read_async(), (replace(WORDS, cut_after=2),)),
    Scenario(
        "error_in_the_stream", read(), (replace(WORDS, stream_error=ApiError(code=503), error_after=1),), since=(3, 0)
    ),
    Scenario(
        "error_in_the_stream_async",
        read_async(),
        (replace(WORDS, stream_error=ApiError(code=503), error_after=2),),
        since=(3, 0),
    ),
    Scenario("closed_early", close_early, (replace(WORDS, hold_after=1),)),
    Scenario("closed_early_async", close_early_async, (replace(WORDS, hold_after=1),)),
    Scenario("dropped", drop, (replace(WORDS, hold_after=1),)),
    Scenario("dropped_async", drop_async, (replace(WORDS, hold_after=1),)),
    Scenario("loop_left", leave_loop, (replace(WORDS, hold_after=1),)),
    Scenario("thrown_into", throw_into, (replace(WORDS, hold_after=1),)),
    Scenario("closed_early_without_usage", close_early, (replace(WORDS, usage_on="last", hold_after=1),)),
    Scenario("cancelled", cancel, (Reply(delay_s=30),)),
    Scenario("cancelled_in_the_stream", cancel_in_stream, (replace(WORDS, hold_after=1),)),
    Scenario(
        "timed_out",
        ask(http_options=types.HttpOptions(timeout=60)),
        (Reply(delay_s=30),),
        differs={"calls": {"error": 1}, "unreconciled_calls": 0},
        why="for the service the caller left, for the caller the request failed",
    ),
    # attempts
    Scenario("retried_once", ask(), (rate_limited(), answer("Yes.")), retry=True),
    Scenario(
        "retried_three_times_async",
        ask_async(),
        (rate_limited(), failure(503), failure(500), answer("Yes.")),
        retry=True,
    ),
    Scenario("retried_stream", read(), (failure(503), WORDS), retry=True),
    Scenario("retried_stream_async", read_async(), (rate_limited(), failure(502), WORDS), retry=True),
    Scenario("retried_in_vain", ask(), _times(4, failure(503)), retry=True),
    Scenario("retried_in_vain_stream_async", read_async(), _times(4, rate_limited()), retry=True),
    Scenario("not_worth_a_retry", ask(), (failure(400),), retry=True),
    Scenario(
        "retried_between_hops",
        ask(tools=[lookup]),
        (function_call("lookup", {"name": "a"}), failure(503), answer("x")),
        retry=True,
    ),
    Scenario("retried_embedding", embed(), (failure(503), Reply(usage=Usage(prompt=7))), retry=True),
    # many at once
    Scenario("gathered", gather, _times(8, answer("Yes."))),
    Scenario("from_threads", from_threads, _times(8, answer("Yes."))),
)


def possible() -> list[Scenario]:
    """Those that the installed SDK can do."""
    return [scenario for scenario in (*SCENARIOS, *SURFACES) if scenario.since <= SDK_VERSION]
