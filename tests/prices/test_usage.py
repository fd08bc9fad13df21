"""Promises of :mod:`hydrochat_otel.prices.usage`."""

from types import SimpleNamespace

import pytest
from google.genai import types
from hypothesis import given, strategies as st

from hydrochat_otel.prices.stated_counts import after, balanced
from hydrochat_otel.prices.usage import MISSING, Tokens, UsageRecord, balance, tokens_of, total_of
from hydrochat_otel.prices.usage_fields import values_of

counts = st.integers(min_value=0, max_value=10**7)
wild_counts = st.none() | st.integers(min_value=-10, max_value=10**6)
FIELDS = (
    "prompt_token_count",
    "cached_content_token_count",
    "tool_use_prompt_token_count",
    "candidates_token_count",
    "thoughts_token_count",
    "total_token_count",
)


def ledger_of(*records):
    """Return the ledger after these usage objects, in order."""
    record = UsageRecord()
    for usage in records:
        record.take(usage)
    return record.tokens()


def usage(**fields):
    """Return a usage object of the SDK."""
    return types.GenerateContentResponseUsageMetadata(**fields)


def test_an_inclusive_record_is_not_counted_twice():
    """Prompt 341, candidates 3362, thoughts 3347, total 3703: 3362 output tokens, 3347 of them thinking."""
    tokens = balance(341, 0, 0, 3362, 3347, total=3703)
    assert (tokens.output_answer, tokens.output_thinking, tokens.output, tokens.reconciled) == (15, 3347, 3362, True)


def test_an_exclusive_record_adds_the_thoughts():
    """Prompt 10, candidates 5, thoughts 40, total 55: 45 output tokens."""
    tokens = balance(10, 0, 0, 5, 40, total=55)
    assert (tokens.output_answer, tokens.output_thinking, tokens.output, tokens.reconciled) == (5, 40, 45, True)


@pytest.mark.parametrize(
    ("counted", "total", "expected"),
    [
        ((100, 40, 7, 20, 0), 127, (60, 40, 7, 20, 0, True)),
        ((100, 40, 7, 20, 0), 120, (60, 40, 7, 20, 0, False)),
        ((10, 0, 0, 5, 0), None, (10, 0, 0, 5, 0, False)),
        ((10, 30, 0, 5, 0), 15, (0, 10, 0, 5, 0, False)),
        ((10, 0, 0, -5, 0), 10, (10, 0, 0, 0, 0, False)),
        ((10, 0, 0, 5, 7), 15, (10, 0, 0, 5, 7, False)),
        ((0, 0, 0, 0, 0), 0, (0, 0, 0, 0, 0, True)),
    ],
)
def test_usage_that_does_not_balance_is_taken_as_stated_and_marked(counted, total, expected):
    """Stated counts stay, impossible ones are cut, nothing is guessed, and the call is marked."""
    assert balance(*counted, total=total)[:6] == expected


@given(fields=st.fixed_dictionaries(dict.fromkeys(FIELDS, wild_counts)))
def test_the_buckets_sum_to_the_total_or_the_call_is_marked(fields):
    """Any usage gives buckets of at least 0 that sum to the total or are marked."""
    tokens = ledger_of(SimpleNamespace(**fields))
    assert min(tokens.buckets) >= 0
    if tokens.reconciled:
        assert tokens.total == fields["total_token_count"]


@given(buckets=st.tuples(counts, counts, counts, counts, counts), inside=st.booleans())
def test_consistent_usage_is_divided_exactly(buckets, inside):
    """Whatever was used is recovered from its usage, in both ways of counting thoughts."""
    fresh, cached, tool, answer, thoughts = buckets
    tokens = ledger_of(
        usage(
            prompt_token_count=fresh + cached,
            cached_content_token_count=cached or None,
            tool_use_prompt_token_count=tool or None,
            candidates_token_count=answer + thoughts if inside else answer,
            thoughts_token_count=thoughts or None,
            total_token_count=fresh + cached + tool + answer + thoughts,
        )
    )
    assert tokens.buckets == buckets
    assert tokens.reconciled


@given(data=st.data(), prompt=counts, answer=st.integers(0, 500), thoughts=st.integers(0, 500), inside=st.booleans())
def test_any_chunking_of_a_stream_ends_with_the_same_ledger(data, prompt, answer, thoughts, inside):
    """Cumulative counts on any chunks, with gaps and nulls between them, give the same as the whole reply."""
    cuts = data.draw(st.lists(st.tuples(st.integers(0, answer), st.integers(0, thoughts)), max_size=8))
    steps = [*zip(sorted(a for a, _ in cuts), sorted(t for _, t in cuts), strict=True), (answer, thoughts)]
    records = []
    for said, thought in steps:
        records.extend([None] * data.draw(st.integers(0, 2)))
        records.append(
            usage(
                prompt_token_count=prompt or None,
                candidates_token_count=(said + thought if inside else said) or None,
                thoughts_token_count=thought or None,
                total_token_count=prompt + said + thought or None,
            )
        )
    records.extend([None] * data.draw(st.integers(0, 2)))
    records.append(data.draw(st.sampled_from([None, usage(traffic_type="ON_DEMAND")])))
    whole = records[-2 - next(i for i, record in enumerate(reversed(records[:-1])) if record is not None)]
    assert ledger_of(*records).buckets == ledger_of(whole).buckets
    assert ledger_of(*records).total == prompt + answer + thoughts


def test_missing_usage_is_unreconciled():
    """Missing, empty and traffic-only usage all count as missing."""
    assert ledger_of() == ledger_of(None) == ledger_of(usage()) == MISSING
    assert ledger_of(usage(traffic_type="ON_DEMAND")) == MISSING


def details(**tokens):
    """A breakdown by modality."""
    return [types.ModalityTokenCount(modality=name.upper(), token_count=count) for name, count in tokens.items()]


def test_modalities_are_parts_of_their_buckets():
    """Cached audio is taken from the audio of the prompt, text is left out, and no part exceeds its bucket."""
    tokens = ledger_of(
        usage(
            prompt_token_count=120,
            cached_content_token_count=50,
            tool_use_prompt_token_count=7,
            candidates_token_count=20,
            total_token_count=147,
            prompt_tokens_details=details(text=80, image=10, audio=30),
            cache_tokens_details=details(text=38, audio=12),
            tool_use_prompt_tokens_details=details(image=9),
            candidates_tokens_details=details(text=5, image=15),
        )
    )
    assert tokens == Tokens(
        70,
        50,
        7,
        20,
        0,
        reconciled=True,
        fresh_by_modality={"IMAGE": 10, "AUDIO": 18},
        cached_by_modality={"AUDIO": 12},
        tool_by_modality={"IMAGE": 7},
        output_by_modality={"IMAGE": 15},
        estimated=True,
        broken_down=(True, True, True, True),
    )


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({}, "standard"),
        ({"traffic_type": "ON_DEMAND"}, "standard"),
        ({"traffic_type": "ON_DEMAND_FLEX"}, "flex"),
        ({"traffic_type": "PROVISIONED_THROUGHPUT"}, "provisioned"),
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard"}, "standard"),
        ({"service_tier": "S1234567D"}, "other"),
        ({"traffic_type": "ON_DEMAND_BURST"}, "other"),
    ],
)
def test_the_service_tier_is_one_of_a_closed_set(fields, tier):
    """Both APIs' names of the tier are read; a tier that is not known is never priced as the standard one."""
    assert ledger_of(SimpleNamespace(prompt_token_count=1, **fields)).service_tier == tier


def test_turns_are_summed():
    """A live session's ledger is the sum of its turns', balanced if each is."""
    turns = (balance(10, 2, 0, 5, 1, total=16), balance(20, 0, 3, 6, 0, total=29))
    assert total_of(turns).buckets == (28, 2, 3, 11, 1)
    assert [total_of(turns).reconciled, total_of((*turns, MISSING)).reconciled] == [True, False]


def test_an_embedding_has_no_total():
    """A record of a prompt alone is complete for a reply that uses input only, and audio stays audio."""
    record = UsageRecord(prompt_only=True)
    record.take(usage(prompt_token_count=1000, prompt_tokens_details=[modality("AUDIO", 1000)]))
    tokens = record.tokens()
    assert (tokens.buckets, tokens.reconciled) == ((1000, 0, 0, 0, 0), True)
    assert tokens.fresh_by_modality == {"AUDIO": 1000}
    assert ledger_of(usage(prompt_token_count=1000)).reconciled is False


def modality(name, tokens):
    """One line of a breakdown by modality."""
    return types.ModalityTokenCount(modality=name, token_count=tokens)


@pytest.mark.parametrize(
    ("audio", "cached", "stated", "share", "estimated"),
    [
        (1500, 1500, {}, {"AUDIO": 1500}, False),
        (1500, 600, {}, {"AUDIO": 600}, False),
        (500, 1500, {}, {"AUDIO": 500}, False),
        (1000, 600, {}, {"AUDIO": 400}, True),
        (1000, 600, {"AUDIO": 100}, {"AUDIO": 421}, True),
        (1000, 600, {"AUDIO": 100, "TEXT": 500}, {"AUDIO": 100}, False),
        (1000, 0, {}, {}, False),
        (0, 600, {}, {}, False),
    ],
)
def test_cached_tokens_without_a_breakdown_are_shared(audio, cached, stated, share, estimated):
    """The share is exact if the prompt leaves no choice, else in proportion and marked as an estimate."""
    prompt = [modality("AUDIO", audio), modality("TEXT", 1500 - audio)]
    tokens = ledger_of(
        usage(
            prompt_token_count=1500,
            cached_content_token_count=cached,
            total_token_count=1500,
            prompt_tokens_details=prompt,
            cache_tokens_details=[modality(name, count) for name, count in stated.items()] or None,
        )
    )
    assert (tokens.cached_by_modality, tokens.estimated, tokens.reconciled) == (share, estimated, True)
    assert tokens.cached_by_modality.get("AUDIO", 0) + tokens.fresh_by_modality.get("AUDIO", 0) == audio


def test_a_blocked_prompt_with_an_empty_record_used_nothing():
    """Only usage that is present without counts balances at zero, and only if the prompt was refused."""
    record = UsageRecord()
    record.take(usage(traffic_type="ON_DEMAND"))
    assert record.tokens(refused=True) == Tokens(reconciled=True)
    assert record.tokens() == MISSING
    assert UsageRecord().tokens(refused=True) == MISSING


@pytest.mark.parametrize("value", [-1, 2**40 + 1, 2**63, 2**64, 10**400, True, "12", 1.5, float("nan"), float("inf")])
@pytest.mark.parametrize("field", [*FIELDS, "total_tokens", "response_token_count"])
def test_an_invalid_count_is_refused(field, value):
    """Only a whole number within bounds is accepted; the other counts stand and the call is unreconciled."""
    record = {"prompt_token_count": 7, "total_token_count": 7}
    tokens = ledger_of(SimpleNamespace(**record), SimpleNamespace(**{field: value}))
    assert (tokens.buckets, tokens.reconciled) == ((7, 0, 0, 0, 0), False)


@pytest.mark.parametrize("value", [2**64, -5, True, "9", 1.5])
def test_a_breakdown_with_an_invalid_count_is_no_breakdown(value):
    """A modality whose count is none is left out, and the call is unreconciled: the modality decides the price."""
    details = [SimpleNamespace(modality="AUDIO", token_count=value)]
    tokens = ledger_of(SimpleNamespace(prompt_token_count=10, total_token_count=10, prompt_tokens_details=details))
    assert (tokens.buckets, tokens.fresh_by_modality, tokens.reconciled) == ((10, 0, 0, 0, 0), {}, False)


@pytest.mark.parametrize(("audio", "estimated"), [(10, False), (11, True)])
def test_a_breakdown_that_exceeds_its_count_makes_an_estimate(audio, estimated):
    """More tokens of a modality than tokens are cut, and the cost is marked as an estimate."""
    tokens = ledger_of(usage(prompt_token_count=10, total_token_count=10, prompt_tokens_details=details(audio=audio)))
    assert (tokens.fresh_by_modality, tokens.estimated, tokens.reconciled) == ({"AUDIO": 10}, estimated, True)


odd_counts = st.sampled_from([None, None, 0, 3, 3, 7, 10**6, -1, 2**41, True, 1.5, "4"])
odd_usage = st.builds(
    lambda values, tier, traffic: SimpleNamespace(
        **dict(zip(FIELDS, values, strict=True)), service_tier=tier, traffic_type=traffic
    ),
    st.tuples(*[odd_counts] * len(FIELDS)),
    st.sampled_from([None, None, "flex", "priority"]),
    st.sampled_from([None, None, "ON_DEMAND", "ON_DEMAND_FLEX"]),
)


@given(st.lists(odd_usage, max_size=12).flatmap(lambda some: st.permutations(some * 3)))
def test_usage_that_waits_is_evaluated_as_if_each_was_evaluated_at_once(stated):
    """Whatever the chunks of a stream state, evaluating them together gives the tokens of evaluating each."""
    together, at_once = UsageRecord(), UsageRecord()
    for one in stated:
        together.take(one)
        at_once.take(one)
        at_once._stated, at_once.taken = after(at_once._stated, at_once.taken), []
    assert together.tokens() == at_once.tokens()
    assert together.is_known == at_once.is_known


def stating(cached, *counts, total, **rest):
    """Return the values of usage with these counts: of a total that is None, their sum."""
    prompt, tool, answer, thoughts = counts
    known = [count for count in counts if type(count) is int]
    values = (prompt, cached, tool, answer, thoughts, sum(known) if total is None else total)
    return SimpleNamespace(**dict(zip(FIELDS, values, strict=True)), **rest)


mostly_balanced = st.builds(
    stating,
    st.sampled_from([None, None, 0, 3, 10**6]),
    *[odd_counts] * 4,
    total=st.one_of(st.none(), st.none(), odd_counts),
    prompt_tokens_details=st.sampled_from([None, [], details(text=3), details(audio=3), details(text=1, audio=2)]),
    traffic_type=st.sampled_from([None, None, "ON_DEMAND", "ON_DEMAND_FLEX"]),
)


@given(mostly_balanced)
def test_usage_that_is_stated_once_gives_the_tokens_of_its_record(stated):
    """What is evaluated without a record is as with one; only ordinary usage is."""
    record, tokens = UsageRecord(), tokens_of(values_of(stated))
    record.take(stated)
    assert tokens is None or tokens == record.known_tokens()


@given(mostly_balanced)
def test_counts_that_balance_are_balanced_in_one_step(stated):
    """The short way to the buckets finds those of the long way, and refuses counts that do not balance."""
    counts = tuple(getattr(stated, field) for field in FIELDS)
    found = balanced(counts)
    if any(count is not None and type(count) is not int for count in counts):
        assert found is None
        return
    *parts, total = (count or 0 for count in counts)
    whole = balance(*parts, total=counts[-1])
    is_whole = whole.reconciled and max(*parts, total) <= 2**40
    if found is None:
        assert not is_whole or 0 < parts[-1] <= parts[-2]  # the long way also finds thoughts inside the answer
    else:
        assert is_whole
        assert (found[0] - found[1], *found[1:]) == whole.buckets


def test_ordinary_usage_needs_no_record():
    """Counts that balance, of text, from the standard tier."""
    stated = usage(
        prompt_token_count=5, candidates_token_count=2, total_token_count=7, prompt_tokens_details=details(text=5)
    )
    assert tokens_of(values_of(stated)) == Tokens(5, 0, 0, 2, 0, True, broken_down=(True, False, False, False))
