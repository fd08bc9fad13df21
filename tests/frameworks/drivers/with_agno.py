"""agno: run, stream, tools, a structured output and a team."""

import os

os.environ["AGNO_TELEMETRY"] = "false"

import harness
from agno.agent import Agent
from agno.models.google import Gemini
from agno.team import Team
from pydantic import BaseModel


class Wound(BaseModel):
    """A wound as the model describes it."""

    place: str
    length_mm: int


def model():
    return Gemini(id="gemini-2.5-flash", api_key="any")


def agent(**fields):
    return Agent(model=model(), telemetry=False, **fields)


def lookup_scans(patient_id: int) -> str:
    """Return the scans of a patient."""
    return f"two scans of patient {patient_id}"


async def arun():
    return (await agent().arun("How do I change the dressing?")).content


async def astream():
    return [event.content async for event in agent().arun("Hello", stream=True)]


def team():
    return Team(members=[agent(name="nurse")], model=model(), telemetry=False).run("Describe the wound").content


SCENARIOS = {
    "agno.run": lambda: agent().run("How do I change the dressing?").content,
    "agno.arun": arun,
    "agno.stream": lambda: [event.content for event in agent().run("Hello", stream=True)],
    "agno.astream": astream,
    "agno.tools": lambda: agent(tools=[lookup_scans]).run("Show the scans of 7").content,
    "agno.structured": lambda: agent(output_schema=Wound).run("Describe the wound").content,
    "agno.team": team,
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
