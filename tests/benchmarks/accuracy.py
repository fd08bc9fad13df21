"""Compares instrumentations on the test scenarios with the emulator's ledger.

    python tests/benchmarks/accuracy.py [--failures]

Each instrumentation runs in a process of its own, on the installed google-genai, and is evaluated by its spans (and,
for ours, metrics): the number of calls and of failed ones, input and output tokens, dollars to 1e-9, and HTTP attempts.
One that is not installed is left out, with a line that says what to install.
"""

import argparse
import importlib.util
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent))

from google import genai
from instrumentation.gemini import scenario_runner
from instrumentation.gemini.meters import Meters
from instrumentation.gemini.scenarios import possible

from hydrochat_otel.instrumentation import instruments
from hydrochat_otel.instrumentation.gemini.instrumentor import GeminiInstrumentor
from hydrochat_otel.testing.emulator import GeminiEmulator

COLUMNS = ("calls", "tokens", "cost", "attempts")
CENT_FRACTION = 1e-9


class Tool(NamedTuple):
    """One instrumentation: its name, its package, the module to look for, and the function that runs it."""

    name: str
    package: str
    module: str
    start: Callable[[Any], Any]


class Counted(NamedTuple):
    """The numbers of an instrumentation for one scenario; None for a number that it does not have."""

    calls: int
    failed: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    attempts: int | None


# -- the instrumentations -----------------------------------------------------------------------------------------


def start_ours(meters: Any) -> Callable[[], Counted]:
    """Start this project's, read from its metrics."""
    instruments.bind(meters.instruments)
    GeminiInstrumentor().instrument()

    def read() -> Counted:
        found = meters.measured()
        calls = sum(found.calls.values())
        return Counted(
            calls,
            found.calls.get("error", 0),
            sum(found.tokens[:3]),
            sum(found.tokens[3:]),
            found.cost_usd,
            found.attempts,
        )

    return read


def start_official(meters: Any) -> Callable[[], Counted]:
    """Start OpenTelemetry's own, read from its spans."""
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor  # noqa: PLC0415 - one in each process

    instrumentor = GoogleGenAiSdkInstrumentor()
    instrumentor.instrument(tracer_provider=meters.tracer_provider, meter_provider=meters.meter_provider)
    if not instrumentor.is_instrumented_by_opentelemetry:
        print(json.dumps({"refused": "; ".join(instrumentor.instrumentation_dependencies())}), flush=True)
        instrumentor.instrument(
            tracer_provider=meters.tracer_provider, meter_provider=meters.meter_provider, skip_dep_check=True
        )
    return lambda: read_spans(
        [
            span
            for span in meters.spans
            if span.attributes.get("gen_ai.operation.name") in {"generate_content", "chat", "embeddings"}
        ],
        ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        None,
    )


def start_openinference(meters: Any) -> Callable[[], Counted]:
    """Start Arize's, read from its spans."""
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor  # noqa: PLC0415

    GoogleGenAIInstrumentor().instrument(tracer_provider=meters.tracer_provider)
    return lambda: read_spans(
        [span for span in meters.spans if span.attributes.get("openinference.span.kind") in {"LLM", "EMBEDDING"}],
        ("llm.token_count.prompt", "llm.token_count.completion"),
        "llm.cost.total",
    )


def start_traceloop(meters: Any) -> Callable[[], Counted]:
    """Start Traceloop's, read from its spans."""
    from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor  # noqa: PLC0415

    GoogleGenerativeAiInstrumentor().instrument(
        tracer_provider=meters.tracer_provider, meter_provider=meters.meter_provider
    )
    return lambda: read_spans(list(meters.spans), ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"), None)


def read_spans(spans: list[Any], tokens: tuple[str, str], cost: str | None) -> Counted:
    """Count spans as calls."""
    costs = [span.attributes[cost] for span in spans if cost in span.attributes]
    return Counted(
        len(spans),
        sum(1 for span in spans if span.status.status_code.name == "ERROR"),
        *(sum(int(span.attributes.get(name, 0)) for span in spans) for name in tokens),
        sum(costs) if costs else None,
        None,
    )


TOOLS = (
    Tool("hydrochat-otel", "hydrochat-otel", "hydrochat_otel", start_ours),
    Tool(
        "opentelemetry-instrumentation-google-genai",
        "opentelemetry-instrumentation-google-genai",
        "opentelemetry.instrumentation.google_genai",
        start_official,
    ),
    Tool(
        "openinference-instrumentation-google-genai",
        "openinference-instrumentation-google-genai",
        "openinference.instrumentation.google_genai",
        start_openinference,
    ),
    Tool(
        "opentelemetry-instrumentation-google-generativeai",
        "opentelemetry-instrumentation-google-generativeai",
        "opentelemetry.instrumentation.google_generativeai",
        start_traceloop,
    ),
)


# -- one process for each -----------------------------------------------------------------------------------------


def run_scenarios(tool: Tool) -> None:
    """Run every scenario with one instrumentation and print one line of JSON for each."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)

    class Switch:
        """Providers that are exchanged for each scenario, because an instrumentation keeps the first it gets."""

        def __init__(self) -> None:
            self.now = Meters()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.now, name)

    meters = Switch()
    read = tool.start(meters)
    before = Counted(0, 0, 0, 0, 0.0, 0)
    for scenario in possible():
        with GeminiEmulator(record_bodies=True) as emulator:
            try:
                scenario_runner.run(scenario, emulator)
                broken = ""
            except BaseException as error:  # a peer's failure that reaches the caller is a finding, too
                broken = f"changed what the caller gets: {type(error).__name__} {str(error).partition(chr(10))[0]}"
            expected = scenario_runner.billed(scenario, emulator)
        found = read()
        counted = Counted(*(None if now is None else now - (was or 0) for now, was in zip(found, before, strict=True)))
        before = Counted(*(was if now is None else now for now, was in zip(found, before, strict=True)))
        right = judge(counted, expected) if not broken else dict.fromkeys(COLUMNS, False)
        print(json.dumps({"scenario": scenario.name, "right": right, "counted": counted, "broken": broken}), flush=True)


def judge(counted: Counted, expected: Any) -> dict[str, bool]:
    """Compare with the ledger."""
    return {
        "calls": (counted.calls, counted.failed) == (sum(expected.calls.values()), expected.calls.get("error", 0)),
        "tokens": (counted.input_tokens, counted.output_tokens) == (sum(expected.tokens[:3]), sum(expected.tokens[3:])),
        "cost": counted.cost_usd is not None and abs(counted.cost_usd - expected.cost_usd) <= CENT_FRACTION,
        "attempts": counted.attempts == expected.attempts,
    }


# -- the table ----------------------------------------------------------------------------------------------------


def main() -> None:
    """Run all of them and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--failures", action="store_true", help="name the scenarios that each gets wrong")
    parser.add_argument("--tool", choices=[tool.name for tool in TOOLS], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.tool:
        run_scenarios(next(tool for tool in TOOLS if tool.name == arguments.tool))
        return
    print(f"google-genai {genai.__version__}: scenarios right, of how many\n")
    print(f"{'instrumentation':50}" + "".join(f"{column:>12}" for column in COLUMNS))
    notes = []
    for tool in TOOLS:
        if not is_installed(tool.module):
            notes.append(f"{tool.name} is not installed and left out: pip install {tool.package}")
            continue
        rows, refused = results_of(tool)
        right = {column: sum(row["right"][column] for row in rows) for column in COLUMNS}
        print(f"{tool.name:50}" + "".join(f"{f'{right[column]}/{len(rows)}':>12}" for column in COLUMNS))
        if refused:
            notes.append(f"{tool.name} refuses google-genai {genai.__version__} (it wants {refused}); it was forced.")
        if arguments.failures:
            notes.extend(errors_of(tool, row) for row in rows if not all(row["right"].values()))
    print("\n" + "\n".join(notes) if notes else "")


def errors_of(tool: Tool, row: dict[str, Any]) -> str:
    """Return what one instrumentation got wrong in one scenario."""
    wrong = [column for column in COLUMNS if not row["right"][column]]
    found = row["broken"] or ", ".join(
        f"{name} {value}" for name, value in zip(Counted._fields, row["counted"], strict=True)
    )
    return f"{tool.name}: {row['scenario']}: wrong in {', '.join(wrong)} ({found})"


def is_installed(module: str) -> bool:
    """Return whether the module can be found; a missing namespace counts as a missing module."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def results_of(tool: Tool) -> tuple[list[dict[str, Any]], str]:
    """Run one instrumentation in a process of its own; return its lines, and its error if there is one."""
    done = subprocess.run(
        [sys.executable, __file__, "--tool", tool.name], stdout=subprocess.PIPE, text=True, check=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    refused = next((line["refused"] for line in lines if "refused" in line), "")
    return [line for line in lines if "scenario" in line], refused


if __name__ == "__main__":
    main()
