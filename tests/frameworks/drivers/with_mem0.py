"""mem0: its model, its model with tools, and its embeddings."""

import os

os.environ["MEM0_TELEMETRY"] = "False"

import harness
from mem0.configs.embeddings.base import BaseEmbedderConfig
from mem0.configs.llms.gemini import GeminiConfig
from mem0.embeddings.gemini import GoogleGenAIEmbedding
from mem0.llms.gemini import GeminiLLM

QUESTION = [{"role": "system", "content": "You are a nurse."}, {"role": "user", "content": "Describe the wound"}]
LOOKUP = {
    "type": "function",
    "function": {
        "name": "lookup_scans",
        "description": "Return the scans of a patient.",
        "parameters": {"type": "object", "properties": {"patient_id": {"type": "integer"}}},
    },
}


def model():
    return GeminiLLM(GeminiConfig(model="gemini-2.5-flash", api_key="any"))


def embed():
    return GoogleGenAIEmbedding(BaseEmbedderConfig(model="models/gemini-embedding-001", api_key="any")).embed("dry")


SCENARIOS = {
    "mem0.generate": lambda: model().generate_response(QUESTION),
    "mem0.json": lambda: model().generate_response(QUESTION, response_format={"type": "json_object"}),
    "mem0.tools": lambda: model().generate_response(QUESTION, tools=[LOOKUP]),
    "mem0.embeddings": embed,
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
