"""haystack: a generator, its stream, a pipeline, and embeddings."""

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

import harness
from haystack import Pipeline
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret
from haystack_integrations.components.embedders.google_genai import GoogleGenAITextEmbedder
from haystack_integrations.components.generators.google_genai import GoogleGenAIChatGenerator

QUESTION = [ChatMessage.from_user("How do I change the dressing?")]
KEY = Secret.from_token("any")


def generator(**fields):
    return GoogleGenAIChatGenerator(model="gemini-2.5-flash", api_key=KEY, **fields)


def stream():
    chunks = []
    generator(streaming_callback=lambda chunk: chunks.append(chunk.content)).run(QUESTION)
    return chunks


async def asynchronous():
    return (await generator().run_async(QUESTION))["replies"][0].text


def pipeline():
    made = Pipeline()
    made.add_component("llm", generator())
    return made.run({"llm": {"messages": QUESTION}})["llm"]["replies"][0].text


def embed():
    return GoogleGenAITextEmbedder(model="gemini-embedding-001", api_key=KEY).run("dry wound")["embedding"]


SCENARIOS = {
    "haystack.run": lambda: generator().run(QUESTION)["replies"][0].text,
    "haystack.stream": stream,
    "haystack.async": asynchronous,
    "haystack.pipeline": pipeline,
    "haystack.embeddings": embed,
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
