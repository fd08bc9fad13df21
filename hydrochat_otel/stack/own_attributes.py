"""Our own attributes as a registry describes them: type, meaning, and where a call's or operation's span has them."""

from dataclasses import dataclass
from typing import Final, Literal

from hydrochat_otel import semconv
from hydrochat_otel.prices.counts import MODALITIES

Level = Literal["required", "recommended"]


@dataclass(frozen=True, slots=True)
class OwnAttribute:
    """One attribute of ours.

    Attributes:
        name: Its name; of a template the part that all have in common.
        type: As a registry writes it.
        brief: What it means, one sentence.
        members: The values of a closed set.
        on_call: When the span of a call has it; empty for never.
        on_operation: When the span of a tracked operation has it; empty for never.
    """

    name: str
    type: str
    brief: str
    members: tuple[str, ...] = ()
    on_call: str = ""
    on_operation: str = ""


_REASONS: Final = ("2xx", "3xx", "4xx", "429", "5xx", "network", "cancelled", "other")
_SETS: Final = ("operation", "model", "error_type", "server", "tool", "attribution", "dimension")
_NOT_OK: Final = "If it did not end well."


def _counts() -> tuple[OwnAttribute, ...]:
    buckets = [name for name in semconv.TOKEN_ATTRIBUTES if name.startswith(semconv.BUCKET_TOKENS)]
    what = "Tokens of the bucket in its name."
    counts = [OwnAttribute(one, "int", what, on_call="If there are any.") for one in buckets]
    counts += [
        OwnAttribute(
            f"{semconv.MODALITY_TOKENS}{bucket}.{modality.lower()}",
            "int",
            "Tokens of the bucket and modality in its name.",
            on_call="If there are any.",
        )
        for bucket in semconv.TOKEN_BUCKETS
        for modality in sorted(MODALITIES)
    ]
    counts += [
        OwnAttribute(
            semconv.CHARGED_UNITS + charge,
            "double",
            "Units that are charged beside the tokens, of the kind in its name.",
            on_call="If there are any.",
        )
        for charge in semconv.CHARGES
    ]
    return tuple(counts)


OWN_ATTRIBUTES: Final = (
    OwnAttribute(semconv.OPERATION, "string", "Name of a tracked operation.", on_operation="Always."),
    OwnAttribute(semconv.ROOT_OPERATION, "string", "Name of the outermost tracked operation."),
    OwnAttribute(semconv.ROLE, "enum", "Whether a caller waits for an operation, or it is a step.", semconv.ROLES),
    OwnAttribute(
        semconv.DIMENSION.rstrip("."),
        "template[string]",
        "A dimension of the application, by the name at its end.",
    ),
    OwnAttribute(semconv.OUTCOME, "enum", "How it ended.", semconv.OUTCOMES, on_call=_NOT_OK, on_operation=_NOT_OK),
    OwnAttribute(
        semconv.THRESHOLD_EXCEEDED,
        "boolean",
        "True if an operation took longer than the threshold that it states.",
        on_operation="If it did.",
    ),
    OwnAttribute(
        semconv.LLM_OPERATION,
        "string",
        "What Gemini was asked for, in its own terms.",
        on_call="If `gen_ai.operation.name` does not say the same.",
    ),
    OwnAttribute(semconv.TOKEN_BUCKET, "enum", "Which of five disjoint parts of the tokens.", semconv.TOKEN_BUCKETS),
    OwnAttribute(semconv.CHARGE, "enum", "What is charged beside the tokens.", semconv.CHARGES),
    OwnAttribute(semconv.REASON, "enum", "How an attempt ended, or why an entry left.", (*_REASONS, "capacity", "age")),
    OwnAttribute(semconv.PERIOD, "enum", "Since when spend is counted.", semconv.PERIODS),
    OwnAttribute(semconv.BOUND, "enum", "Which number of a forecast.", semconv.BOUNDS),
    OwnAttribute(semconv.LABEL, "enum", "Which closed set refused a value.", _SETS),
    OwnAttribute(semconv.LABEL_VALUE, "string", "What a closed set refused, as far as it is safe to show."),
    OwnAttribute(semconv.SEAM, "string", "The part of the telemetry that failed."),
    OwnAttribute(semconv.LIBRARY, "string", "Name of an instrumented library."),
    OwnAttribute(semconv.LIBRARY_VERSION, "string", "Version of an instrumented library."),
    OwnAttribute(semconv.VERSION, "string", "Installed version of hydrochat-otel."),
    OwnAttribute(semconv.COST_USD, "double", "Dollars that a call cost.", on_call="If a price is known."),
    OwnAttribute(semconv.UNPRICED, "boolean", "True if no price is known.", on_call="If none is."),
    OwnAttribute(
        semconv.UNRECONCILED, "boolean", "True if the usage is missing or does not balance.", on_call="If it does not."
    ),
    OwnAttribute(
        semconv.ESTIMATED, "boolean", "Whether tokens or dollars are an estimate.", on_call="If they may be one."
    ),
    OwnAttribute(semconv.ATTEMPTS, "int", "HTTP requests that were sent.", on_call="If the first was not the last."),
    OwnAttribute(
        semconv.ATTEMPT_REASONS, "string[]", "How each attempt ended.", on_call="If the first was not the last."
    ),
    OwnAttribute(semconv.RETRY_WAITS_S, "double[]", "Seconds between attempts.", on_call="If there were retries."),
    OwnAttribute(
        semconv.RETRY_ADVISED_S, "double", "Longest wait that was asked for, in seconds.", on_call="If one was."
    ),
    OwnAttribute(semconv.CACHED_CONTENT_TOKENS, "int", "Tokens stored in the cache.", on_call="If some were."),
    OwnAttribute(semconv.SERVICE_TIER, "string", "Service tier that answered.", on_call="If it is not standard."),
    *_counts(),
)
