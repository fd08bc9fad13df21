"""Snapshots of three services, as the page shows them: a busy one, a quiet one, and one that did nothing yet."""

import math
import random
from collections.abc import Iterator

from factories import counter

from hydrochat_otel import semconv
from hydrochat_otel.window.entry import Entry
from hydrochat_otel.window.snapshot import Budget, Family, Forecast, Retention, Sharing, Snapshot

NOW_S = 1_760_000_000.0
MODELS = ("gemini-2.0-flash-exp", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-in-house-preview-of-next-year")
STEPS = ("classify_intent", "extract_fields", "lookup_scans", "render_depth_maps_of_every_wound")
ROOTS = ("conversation_turn", "nightly_report_of_every_ward")
_USED = {MODELS[0]: 0.006431, MODELS[1]: 0.1093, MODELS[2]: 1.75}


def _turns(count: int, spread_s: float, seed: int) -> Iterator[Entry]:
    """Yield turns with steps and calls: a long tail, failures, retries, and one model without a price."""
    chance = random.Random(seed)
    for number in range(count):
        end_s = NOW_S - 20 - spread_s * (1 - (number + 1) / count)
        took_s, root = math.exp(chance.gauss(0.1, 0.7)), ROOTS[number % 9 == 8]
        trace, root_span = 1 + chance.getrandbits(127), 10_000 + number
        failed = number % 17 == 5
        at_s = end_s - took_s
        for index, name in enumerate(STEPS[: 2 + number % 3]):
            step_s, span, model = took_s / 5, 20_000 + 10 * number + index, MODELS[(number + index) % 4]
            at_s += step_s
            cost = None if model == MODELS[3] else chance.random() / 100
            wrong = failed and index == 1
            ended = (False, "ServerError" if wrong else None, "error" if wrong else "ok")
            yield Entry(
                "gemini", "generate_content", step_s * 0.8, at_s - 0.01, *ended, trace, 50_000 + span, span, model,
                (900, 100, 0, 240, 60), cost, root_operation=root, operation_name=name, first_token_s=step_s / 3,
                attempts=2 if number % 7 == 0 else 1, retry_wait_s=step_s / 4 if number % 7 == 0 else None,
            )  # fmt: skip
            yield Entry(
                "operation", name, step_s, at_s, False, None, "ok", trace, span, root_span,
                role="step", root_operation=root,
            )  # fmt: skip
        yield Entry(
            "operation", root, took_s, end_s, took_s > 2, "ServerError" if failed else None,
            "error" if failed else "ok", trace, root_span, role="root", root_operation=root,
        )  # fmt: skip


def _counted(share: float) -> tuple[Family, ...]:
    model, outcome = semconv.GEN_AI_REQUEST_MODEL, semconv.OUTCOME
    inside = [{semconv.OPERATION: STEPS[index % 4], semconv.ROOT_OPERATION: ROOTS[index == 3]} for index in range(4)]
    tiers = [{"hydrochat.dimension.tenant_tier": tier} for tier in ("gold", "silver", "free of charge", "gold")]
    labels = [{model: name, **where, **tier} for name, where, tier in zip(MODELS, inside, tiers, strict=True)]
    return (
        counter(semconv.LLM_CALLS, *(({**one, outcome: "ok"}, round(412 * share)) for one in labels),
                ({**labels[0], outcome: "error"}, round(9 * share))),
        counter(semconv.LLM_TOKENS, *(({**one, semconv.TOKEN_BUCKET: bucket}, round(28_400 * share / place))
                                      for one in labels for place, bucket in enumerate(semconv.TOKEN_BUCKETS, 1))),
        counter(semconv.LLM_COST, *((one, _USED[one[model]] * share) for one in labels[:3])),
        counter(semconv.LLM_UNPRICED_TOKENS, (labels[3], round(1210 * share))),
        counter(semconv.LLM_RETRIES, ({model: MODELS[0], semconv.REASON: "5xx"}, round(7 * share))),
    )  # fmt: skip


def _charged() -> tuple[Family, ...]:
    charge = semconv.CHARGE
    return (
        counter(semconv.LLM_CHARGED_UNITS, ({charge: "grounding_search"}, 40), ({charge: "image"}, 3)),
        counter(semconv.LLM_CHARGES, ({charge: "grounding_search"}, 1.4)),
    )


def _snapshot(entries: tuple[Entry, ...], families: tuple[Family, ...], budget: Budget, sharing: Sharing) -> Snapshot:
    retention = Retention(1000, 24.0, len(entries), len(entries) / 10)
    resource = {"service.name": "hydrochat"}
    return Snapshot(NOW_S, resource, families, entries, retention, budget, sharing, {}, NOW_S - 86_400)


SERVICES = {
    "busy": _snapshot(
        tuple(_turns(60, 9 * 3600, 7)),
        (*_counted(1.0), *_charged()),
        Budget(8.4187, 98.25, 10.0, 310.0, forecast=Forecast(340.5, 260.0, 420.0)),
        Sharing("redis", 4),
    ),
    "quiet": _snapshot(tuple(_turns(3, 3600, 3)), _counted(0.01), Budget(0.001723, 0.001723), Sharing()),
    "empty": _snapshot((), (), Budget(), Sharing()),
}
