"""google-adk: a runner with a tool, and agents in parallel."""

import harness
from google.adk.agents import LlmAgent, ParallelAgent
from google.adk.runners import InMemoryRunner
from google.genai import types

MODEL = "gemini-2.5-flash"


def lookup_scans(patient_id: int) -> dict:
    """Return the scans of a patient."""
    return {"scans": patient_id * 2}


async def answers(agent, message):
    runner = InMemoryRunner(agent=agent, app_name="ward")
    session = await runner.session_service.create_session(app_name="ward", user_id="nurse")
    content = types.Content(role="user", parts=[types.Part(text=message)])
    texts = [
        (event.author, part.text, part.function_call.name if part.function_call else None)
        async for event in runner.run_async(user_id="nurse", session_id=session.id, new_message=content)
        for part in (event.content.parts if event.content else [])
    ]
    return sorted(texts, key=repr)


def assistant(name, **fields):
    return LlmAgent(name=name, model=MODEL, instruction=f"You are {name}.", **fields)


SCENARIOS = {
    "adk.run": lambda: answers(assistant("helper"), "How do I change the dressing?"),
    "adk.tools": lambda: answers(assistant("finder", tools=[lookup_scans]), "Show the scans of 7"),
    "adk.parallel": lambda: answers(
        ParallelAgent(name="team", sub_agents=[assistant("nurse"), assistant("doctor")]), "Describe the wound"
    ),
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
