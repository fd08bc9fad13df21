"""Alerts, each with a runbook and a minimum number of events below which it does not fire."""

from hydrochat_otel.stack import alerts_calls, alerts_money, alerts_operations, alerts_telemetry
from hydrochat_otel.stack.rule_files import Alert, Group


def groups() -> tuple[Group, ...]:
    """Return the alerts in groups by subject."""
    return tuple(one.group() for one in (alerts_calls, alerts_money, alerts_operations, alerts_telemetry))


def alerts() -> list[Alert]:
    """Return every alert; several may share a name, with different severities."""
    return [rule for group in groups() for rule in group.rules if isinstance(rule, Alert)]
