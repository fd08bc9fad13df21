"""Alerts on the telemetry itself: calls that are not measured, a short window, old prices, refused names."""

from typing import Final

from hydrochat_otel import semconv
from hydrochat_otel.stack import objectives
from hydrochat_otel.stack.alerts_calls import JOB_NAME, NUMBER
from hydrochat_otel.stack.boards import MONEY, TELEMETRY
from hydrochat_otel.stack.promql import (
    INSTANCE,
    JOB,
    LABEL,
    LIBRARY,
    LIBRARY_VERSION,
    SEAM,
    by,
    count,
    gauge,
    grew,
    total,
)
from hydrochat_otel.stack.rule_files import Alert, Group, at_least, joined

_INSTANCE_NAME: Final = "{{ $labels.instance }}"
_ONE_PROCESS: Final = (JOB, INSTANCE)


def _measuring() -> tuple[Alert, ...]:
    active = gauge(semconv.INSTRUMENTATION_ACTIVE)
    entries = gauge(semconv.RETENTION_ENTRIES)
    named = (JOB, INSTANCE, LIBRARY, LIBRARY_VERSION)
    return (
        Alert(
            name="HydrochatTargetDown",
            expression=joined(_ONE_PROCESS, "up == 0", "and", f"last_over_time({entries}[1d])"),
            lasting="2m",
            severity="critical",
            summary=f"{_INSTANCE_NAME} of {JOB_NAME} cannot be scraped",
            description="A target that gave HydroChat's metrics within the last day does not answer Prometheus.",
            runbook="1. Is the process up? `/healthz` is open.\n"
            "2. Prometheus, Status → Targets, says why: 401 is the token (HYDROCHAT_METRICS_TOKEN against "
            "authorization.credentials_file), a refused connection the port or the host it listens on.",
            board=TELEMETRY,
        ),
        Alert(
            name="HydrochatInstrumentationInactive",
            expression=joined(
                _ONE_PROCESS,
                f"{by(named, str(active), 'max')} == 0",
                "and",
                at_least(1, _ONE_PROCESS, grew(count(semconv.OPERATION_DURATION), "10m")),
            ),
            lasting="5m",
            severity="warning",
            summary=f"{{{{ $labels.{LIBRARY} }}}} {{{{ $labels.{LIBRARY_VERSION} }}}} is not instrumented "
            f"({_INSTANCE_NAME} of {JOB_NAME})",
            description="The process uses google-genai and its calls are not seen: no tokens, no cost, no errors of "
            "theirs are counted.",
            runbook="1. The log of the process says in one sentence why the library was refused; `hydrochat-otel "
            "doctor` says it again.\n"
            "2. An SDK newer than this package supports: upgrade the package, or pin the SDK.\n"
            "3. HYDROCHAT_INSTRUMENT_GEMINI=false on purpose? Then silence this alert for the job.",
            board=TELEMETRY,
        ),
        Alert(
            name="HydrochatWindowShort",
            expression=joined(
                _ONE_PROCESS,
                f"{by(_ONE_PROCESS, str(gauge(semconv.RETENTION_COVERED)), 'max')} < {objectives.WINDOW_COVERS_S:g}",
                "and",
                f"{by(_ONE_PROCESS, str(gauge(semconv.RETENTION_UTILIZATION)), 'max')} >= 1",
            ),
            lasting="15m",
            severity="info",
            summary=f"The window of {_INSTANCE_NAME} ({JOB_NAME}) covers only {{{{ $value | humanizeDuration }}}}",
            description="The window is full and covers less than an hour. A full window is normal; one this short no "
            "longer answers what happened an hour ago.",
            runbook="1. Raise METRICS_MAX_ENTRIES (an entry is a few hundred bytes).\n"
            "2. Or read history from Prometheus: set HYDROCHAT_PROMETHEUS_URL.",
            board=TELEMETRY,
        ),
        Alert(
            name="HydrochatPriceBookOld",
            expression=f"{by((JOB,), str(gauge(semconv.PRICE_BOOK_AGE)), 'max')} "
            f"> {objectives.PRICE_BOOK_AGE_DAYS} * 86400",
            lasting="1h",
            severity="info",
            summary=f"The prices of {JOB_NAME} are {{{{ $value | humanizeDuration }}}} old",
            description=f"The price book is older than {objectives.PRICE_BOOK_AGE_DAYS} days: costs may be wrong.",
            runbook="Upgrade genai-prices, or state current prices in the file that HYDROCHAT_PRICES names.",
            board=MONEY,
        ),
    )


def _failing() -> tuple[Alert, ...]:
    errors, refusals = total(semconv.TELEMETRY_ERRORS), total(semconv.LABEL_REFUSALS)
    overflow = '{__name__=~"hydrochat_.+|gen_ai_.+",otel_metric_overflow="true"}'
    return (
        Alert(
            name="HydrochatTelemetryErrors",
            expression=f"{by((JOB, SEAM), grew(errors, '15m'))} > 0",
            lasting="1m",
            severity="warning",
            summary=f"The telemetry of {JOB_NAME} fails at {{{{ $labels.{SEAM} }}}}",
            description=f"{NUMBER} failures inside the telemetry within 15 minutes. The application is not affected; "
            "what it should have recorded is missing.",
            runbook="1. The log of the process names the component and the class of the first failure.\n"
            "2. Dashboard Telemetry, panel Errors by component: since when? Was a library upgraded?\n"
            "3. `hydrochat-otel doctor` proves each hook by a synthetic call.",
            board=TELEMETRY,
        ),
        Alert(
            name="HydrochatLabelOverflow",
            expression=f"{by((JOB, LABEL), grew(refusals, '1h'))} > 0\nor\n{by((JOB,), overflow, 'count')}",
            severity="info",
            summary=f"Label values of {JOB_NAME} are counted as other",
            description="Operation names, models or error types outside their closed set were counted as `other` "
            "within the last hour, or a metric has more label sets than the SDK keeps.",
            runbook="1. The log names each refused value once, with the rule; the page lists them.\n"
            "2. Is an operation named after data (an id, a name)? Name the code, never the patient.\n"
            "3. Really more than 200 operations: raise HYDROCHAT_MAX_OPERATIONS.",
            board=TELEMETRY,
        ),
    )


def group() -> Group:
    """Return the alerts."""
    return Group("hydrochat-telemetry-alerts", "30s", (*_measuring(), *_failing()))
