"""pydantic-ai: run, stream, tools and a structured output."""

import harness
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider


class Wound(BaseModel):
    """A wound as the model describes it."""

    place: str
    length_mm: int


def agent(**fields):
    return Agent(GoogleModel("gemini-2.5-flash", provider=GoogleProvider(api_key="any")), **fields)


def lookup_scans(patient_id: int) -> str:
    """Return the scans of a patient."""
    return f"two scans of patient {patient_id}"


async def run(message, **fields):
    return (await agent(**fields).run(message)).output


async def stream():
    async with agent().run_stream("How do I change the dressing?") as result:
        return [text async for text in result.stream_text(delta=True, debounce_by=None)]


SCENARIOS = {
    "pydantic_ai.run": lambda: run("How do I change the dressing?"),
    "pydantic_ai.run_sync": lambda: agent().run_sync("How do I change the dressing?").output,
    "pydantic_ai.stream": stream,
    "pydantic_ai.tools": lambda: run("Show the scans of 7", tools=[lookup_scans]),
    "pydantic_ai.structured": lambda: run("Describe the wound", output_type=Wound),
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
