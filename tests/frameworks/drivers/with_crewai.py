"""crewai: a model of its own, an agent, and a crew of two tasks."""

import os

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "CREWAI_TRACING_ENABLED": "false", "GOOGLE_API_KEY": "any"}

import harness
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool


@tool
def lookup_scans(patient_id: int) -> str:
    """Return the scans of a patient."""
    return f"two scans of patient {patient_id}"


def model(**fields):
    return LLM(model="gemini/gemini-2.5-flash", api_key="any", **fields)


def nurse(**fields):
    return Agent(role="nurse", goal="care", backstory="works in a ward", llm=model(), max_iter=3, **fields)


def crew(*questions, **fields):
    agent = nurse(**fields)
    tasks = [Task(description=one, expected_output="a sentence", agent=agent) for one in questions]
    return Crew(agents=[agent], tasks=tasks, tracing=False).kickoff().raw


SCENARIOS = {
    "crewai.call": lambda: model().call("How do I change the dressing?"),
    "crewai.stream": lambda: model(stream=True).call("Hello"),
    "crewai.crew": lambda: crew("Describe the wound", "Describe the dressing"),
    "crewai.tools": lambda: crew("Show the scans of 7", tools=[lookup_scans]),
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
