"""llama-index: complete, chat, streams, an agent with a tool, a structured output and embeddings."""

import harness
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.google_genai import GoogleGenAIEmbedding
from llama_index.llms.google_genai import GoogleGenAI
from pydantic import BaseModel


class Wound(BaseModel):
    """A wound as the model describes it."""

    place: str
    length_mm: int


def model():
    return GoogleGenAI(model="gemini-2.5-flash", api_key="any")


def lookup_scans(patient_id: int) -> str:
    """Return the scans of a patient."""
    return f"two scans of patient {patient_id}"


async def achat():
    return (await model().achat([ChatMessage(content="Hello")])).message.content


async def astream():
    return [chunk.delta async for chunk in await model().astream_chat([ChatMessage(content="Hello")])]


async def agent():
    return str(await FunctionAgent(tools=[lookup_scans], llm=model(), streaming=False).run("Show the scans of 7"))


SCENARIOS = {
    "llama_index.complete": lambda: model().complete("How do I change the dressing?").text,
    "llama_index.achat": achat,
    "llama_index.stream": lambda: [chunk.delta for chunk in model().stream_complete("Hello")],
    "llama_index.astream": astream,
    "llama_index.agent": agent,
    "llama_index.structured": lambda: model().as_structured_llm(Wound).complete("Describe the wound").raw,
    "llama_index.embeddings": lambda: GoogleGenAIEmbedding(
        model_name="gemini-embedding-001", api_key="any"
    ).get_text_embedding("dry wound"),
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
