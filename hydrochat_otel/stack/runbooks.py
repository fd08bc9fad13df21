"""The documentation's runbooks, one page for each alert, generated from the rules."""

from itertools import groupby
from operator import attrgetter
from typing import Final

from hydrochat_otel.stack import alert_rules
from hydrochat_otel.stack.rule_files import Alert

_INDEX: Final = """# Runbooks

One page for each alert of `hydrochat-otel rules export`; each alert's `runbook_url` leads to its page.

| alert | severity | fires when |
|---|---|---|
"""


def pages() -> dict[str, str]:
    """Return the text of each page by its path below the documentation, the index included."""
    named = {name: list(rules) for name, rules in groupby(alert_rules.alerts(), attrgetter("name"))}
    index = "".join(
        f"| [`{name}`]({name}.md) | {', '.join(rule.severity for rule in rules)} | {rules[0].description} |\n"
        for name, rules in named.items()
    )
    texts = {f"runbooks/{name}.md": _page(name, rules) for name, rules in named.items()}
    return {"runbooks/index.md": _INDEX + index, **texts}


def _page(name: str, rules: list[Alert]) -> str:
    steps = rules[0].runbook if "\n" in rules[0].runbook else f"1. {rules[0].runbook}"
    fires = "\n".join(_condition(rule) for rule in rules)
    return f"# {name}\n\n{fires}\n## What to do\n\n{steps}\n\nDashboard: `{rules[0].board}`.\n"


def _condition(rule: Alert) -> str:
    lasting = f" for {rule.lasting}" if rule.lasting else ""
    query = "\n".join(f"    {line}" for line in rule.expression.splitlines())
    return f"**{rule.severity}**: {rule.description} It fires when this holds{lasting}:\n\n{query}\n"
