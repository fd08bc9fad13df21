"""LangChain and a prebuilt agent on google-genai."""

import harness
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
from pydantic import BaseModel

MODEL = "gemini-2.5-flash"


class Wound(BaseModel):
    """A wound as the model describes it."""

    place: str
    length_mm: int


@tool
def lookup_scans(patient_id: int) -> str:
    """Return the scans of a patient."""
    return f"two scans of patient {patient_id}"


def model():
    return ChatGoogleGenerativeAI(model=MODEL, google_api_key="any")


def contents(message):
    return (message.content, [(call["name"], call["args"]) for call in message.tool_calls])


async def stream():
    return [chunk.content async for chunk in model().astream("How do I change the dressing?")]


SCENARIOS = {
    "langchain.invoke": lambda: contents(model().invoke("How do I change the dressing?")),
    "langchain.batch": lambda: [contents(one) for one in model().batch(["one", "two", "three"])],
    "langchain.astream": stream,
    "langchain.tools": lambda: contents(model().bind_tools([lookup_scans]).invoke("Show the scans of 7")),
    "langchain.structured": lambda: model().with_structured_output(Wound).invoke("Describe the wound"),
    "langchain.embeddings": lambda: GoogleGenerativeAIEmbeddings(
        model="gemini-embedding-001", google_api_key="any"
    ).embed_query("dry wound"),
    "langgraph.agent": lambda: [
        message.content
        for message in create_agent(model(), tools=[lookup_scans]).invoke({"messages": [("user", "Show the scans")]})[
            "messages"
        ]
    ],
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
