"""instructor: a structured answer, a list of them, and a stream of parts."""

import harness
import instructor
from google import genai
from pydantic import BaseModel


class Wound(BaseModel):
    """A wound as the model describes it."""

    place: str
    length_mm: int


def client(**fields):
    return instructor.from_genai(genai.Client(), model="gemini-2.5-flash", **fields)


QUESTION = [{"role": "user", "content": "Describe the wound"}]


async def asynchronous():
    return await client(use_async=True).create(messages=QUESTION, response_model=Wound)


SCENARIOS = {
    "instructor.create": lambda: client().create(messages=QUESTION, response_model=Wound),
    "instructor.json": lambda: client(mode=instructor.Mode.JSON).create(messages=QUESTION, response_model=Wound),
    "instructor.async": asynchronous,
    "instructor.completion": lambda: client().create_with_completion(messages=QUESTION, response_model=Wound)[0],
}

if __name__ == "__main__":
    harness.main(SCENARIOS)
