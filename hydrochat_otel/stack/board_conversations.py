"""Dashboard 3, conversations: each operation, and the turn with the nodes of its graph."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack.boards import Board, Row
from hydrochat_otel.stack.objectives import RESPONSE_TIME_S
from hydrochat_otel.stack.panels import Limits, PanelBuilder, Query, heat, lines, rows
from hydrochat_otel.stack.promql import (
    ERROR_TYPE,
    OPERATION,
    Series,
    bucket,
    by,
    count,
    grew,
    quantile,
    ratio,
    sum_of,
    total,
)
from hydrochat_otel.stack.variables import (
    RANGE,
    RATE_INTERVAL,
    TURN,
    chosen,
    of_operation,
    turn_variable,
    variables,
)

_DURATION: Final = semconv.OPERATION_DURATION
_NAME: Final = f"{{{{{OPERATION}}}}}"
_NODES: Final = f"({TURN})([.].+)?"
"""A node of a graph is an operation named after its turn: `conversation_turn.classify`."""


def _table(title: str, description: str, narrow: dict[str, Series]) -> PanelBuilder:
    every = by((OPERATION,), grew(narrow["count"], RANGE))
    failed = by((OPERATION,), grew(narrow["count"].where(ERROR_TYPE, "!=", ""), RANGE))
    violations = by((OPERATION,), grew(narrow["violations"], RANGE))
    seconds = by((OPERATION,), grew(narrow["sum"], RANGE))
    buckets = by((OPERATION, "le"), grew(narrow["bucket"], RANGE))
    return rows(
        title,
        description,
        {
            "Operations": ("short", every),
            "Average": ("s", f"{seconds} / ({every} > 0)"),
            "p50": ("s", f"histogram_quantile(0.5, {buckets})"),
            "p95": ("s", f"histogram_quantile(0.95, {buckets})"),
            "p99": ("s", f"histogram_quantile(0.99, {buckets})"),
            "Failed": ("percentunit", ratio(failed, every)),
            "Over threshold": ("percentunit", ratio(violations, every)),
        },
        labels={OPERATION: "Operation"},
    )


def _chosen() -> dict[str, Series]:
    return {
        "count": chosen(count(_DURATION)),
        "sum": chosen(sum_of(_DURATION)),
        "bucket": chosen(bucket(_DURATION)),
        "violations": chosen(total(semconv.OPERATION_VIOLATIONS)),
    }


def _nodes() -> dict[str, Series]:
    return {
        "count": of_operation(count(_DURATION), _NODES),
        "sum": of_operation(sum_of(_DURATION), _NODES),
        "bucket": of_operation(bucket(_DURATION), _NODES),
        "violations": of_operation(total(semconv.OPERATION_VIOLATIONS), _NODES),
    }


def _over_time(series: dict[str, Series]) -> tuple[PanelBuilder, ...]:
    every = by((OPERATION,), f"rate({series['count']}[{RATE_INTERVAL}])")
    failed = by((OPERATION, ERROR_TYPE), f"rate({series['count'].where(ERROR_TYPE, '!=', '')}[{RATE_INTERVAL}])")
    violations = by((OPERATION,), f"rate({series['violations']}[{RATE_INTERVAL}])")
    return (
        lines("Operations", "Operations a second.", "ops", Query(every, _NAME), stacked=True, width=8),
        lines(
            "Failures",
            "Failed operations a second by class of the exception; zero where none failed.",
            "ops",
            Query(f"{failed} or 0 * {every}", f"{_NAME} {{{{{ERROR_TYPE}}}}}"),
            stacked=True,
            width=8,
        ),
        lines(
            "Over their threshold",
            "Share of operations that took longer than the threshold they state.",
            "percentunit",
            Query(ratio(violations, every), _NAME),
            width=8,
        ),
    )


def _durations() -> tuple[PanelBuilder, ...]:
    buckets = chosen(bucket(_DURATION))
    scope = {"job": "$job", "instance": "$instance", OPERATION: "$operation"}
    return (
        heat(
            "Durations",
            f"Operations by how long they took; an edge lies on {RESPONSE_TIME_S:g} s.",
            "s",
            by(("le",), f"increase({buckets}[{RATE_INTERVAL}])"),
        ),
        *(
            lines(
                f"p{q * 100:g} by operation",
                f"{q * 100:g} of 100 are faster. Click a diamond to see the trace of one.",
                "s",
                Query(quantile(q, _DURATION, RATE_INTERVAL, (OPERATION,), **scope), _NAME),
                limits=Limits(red=RESPONSE_TIME_S),
                exemplars=True,
            )
            for q in (0.5, 0.95)
        ),
    )


def _graph() -> tuple[PanelBuilder, ...]:
    series = _nodes()
    seconds = by((OPERATION,), f"rate({series['sum']}[{RATE_INTERVAL}])")
    buckets = by((OPERATION, "le"), f"rate({series['bucket']}[{RATE_INTERVAL}])")
    return (
        _table("The turn and its nodes", "In the shown range; nodes are named after their turn.", series),
        lines(
            "Where the time goes",
            "Seconds a second that turns and nodes take; a node's time is within its turn's.",
            "s",
            Query(seconds, _NAME),
        ),
        lines(
            "p95 of the turn and its nodes",
            f"The contract's threshold for a turn is {RESPONSE_TIME_S:g} s.",
            "s",
            Query(f"histogram_quantile(0.95, {buckets})", _NAME),
            limits=Limits(red=RESPONSE_TIME_S),
            exemplars=True,
        ),
    )


def board() -> Board:
    """Return the dashboard."""
    series = _chosen()
    return Board(
        uid="hydrochat-conversations",
        title="HydroChat / Conversations",
        description="Each operation, and the turn with the nodes of its graph.",
        rows=(
            Row("Operations", (_table("Operations", "In the shown range.", series), *_over_time(series))),
            Row("Durations", _durations()),
            Row("Graph", _graph()),
        ),
        variables=(*variables(), turn_variable()),
    )
