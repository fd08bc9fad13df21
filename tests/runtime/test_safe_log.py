"""Promises of :mod:`hydrochat_otel.runtime.safe_log`: every sentence of the package takes this way."""

import ast
import logging
import logging.handlers
from pathlib import Path

import pytest

import hydrochat_otel
from hydrochat_otel.runtime import safe_log

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


@pytest.fixture
def logger():
    """A logger whose records reach only the handlers that a test adds."""
    made = logging.getLogger("safe_log_test")
    made.propagate = False
    yield made
    made.handlers.clear()


def file_handler(path, encoding):
    return logging.FileHandler(path, encoding=encoding)


def late_file_handler(path, encoding):
    return logging.FileHandler(path, encoding=encoding, delay=True)


def memory_handler(path, encoding):
    return logging.handlers.MemoryHandler(1, target=file_handler(path, encoding))


def stream_handler(path, encoding):
    return logging.StreamHandler(path.open("w", encoding=encoding))


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "locale"])
@pytest.mark.parametrize("make", [file_handler, late_file_handler, memory_handler, stream_handler])
def test_an_encoding_that_lacks_a_character_costs_the_character_only(tmp_path, capsys, logger, make, encoding):
    """A warning with characters that a handler's file cannot hold is written with escapes, without a traceback."""
    path = tmp_path / "service.log"
    handler = make(path, encoding)
    logger.addHandler(handler)
    safe_log.warning(logger, "\u26a0 %s exceeds \u20ac", "chat.turn")
    handler.close()
    kept = path.read_text(encoding=encoding)
    assert kept in {"\u26a0 chat.turn exceeds \u20ac\n", "\\u26a0 chat.turn exceeds \\u20ac\n"}
    assert capsys.readouterr().err == ""


def test_a_handler_that_forwards_to_itself_is_no_loop(capsys, logger):
    """Handlers that forward in a circle are read a few times only, and the sentence is logged."""
    handler = logging.StreamHandler()
    handler.target = handler
    logger.addHandler(handler)
    safe_log.warning(logger, "\u00e4")
    assert capsys.readouterr().err == "\u00e4\n"


def test_a_handler_that_makes_a_sentence_itself_is_called_once(logger):
    """As one that is tracked, and slow: it would be called for its own sentence, without an end."""
    written = []

    class Handler(logging.Handler):
        def emit(self, record):
            written.append(record.getMessage())
            safe_log.warning(logger, "from the handler")
            logger.info("the host's own")

    logger.addHandler(Handler(logging.WARNING))
    safe_log.warning(logger, "first")
    safe_log.warning(logger, "second")
    assert written == ["first", "second"]
    logger.error("of the host")
    assert written[2:] == ["of the host", "from the handler"]
