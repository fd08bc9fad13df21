"""Promises of :mod:`hydrochat_otel.runtime.safe_log`: every sentence of the package takes this way."""

import ast
from pathlib import Path

import hydrochat_otel

ROOT = Path(hydrochat_otel.__file__).parent
OWN_PROCESSES = ("demo", "stack", "testing")
"""What runs in processes of its own, or in tests."""
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}


def direct_calls(path):
    """Return the lines that call a logger's own methods."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = ast.unparse(node.func.value)
            if "log" in owner.lower() and owner != "safe_log":
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_no_module_logs_otherwise():
    """A log handler of the host's that raises cannot raise into the host: each log call goes through one module."""
    modules = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in OWN_PROCESSES]
    found = [line for path in modules for line in direct_calls(path) if not line.startswith("runtime/safe_log.py")]
    assert found == []
    assert len(list(direct_calls(ROOT / "runtime" / "safe_log.py"))) == 2
