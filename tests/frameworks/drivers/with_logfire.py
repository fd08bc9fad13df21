"""google-genai itself, after logfire has made its global providers, which are proxies around the SDK's."""

import harness
import logfire
from google import genai
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

MODEL = "gemini-2.5-flash"


def logfires_providers(exporter):
    """Configure logfire first; `install()` then has to find the SDK's providers behind its proxies."""
    processors = [SimpleSpanProcessor(exporter)]
    logfire.configure(send_to_logfire=False, console=False, additional_span_processors=processors)
    return {}


def generate():
    client = genai.Client()
    return client.models.generate_content(model=MODEL, contents="Hello").text


def stream():
    client = genai.Client()
    return [chunk.text for chunk in client.models.generate_content_stream(model=MODEL, contents="Hello")]


SCENARIOS = {
    "logfire.generate": generate,
    "logfire.stream": stream,
}

if __name__ == "__main__":
    harness.main(SCENARIOS, logfires_providers)
