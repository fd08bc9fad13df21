"""The seven exchanges by which OpenTelemetry tests a client of Gemini, made with the real SDK."""

from google.genai import types

from hydrochat_otel.testing.replies import Part, Reply, Usage, answer, function_call

MODEL = "gemini-2.0-flash"
SAMPLING = {
    "max_output_tokens": 100,
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 10,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "stop_sequences": ["\n\n"],
    "seed": 42,
}
USAGE = Usage(prompt=25, cached=10, answer=12, thinking=3)
PIXEL = b"\x89PNG"


def get_current_weather(location: str) -> str:
    """Get the current weather in a given location.

    Args:
        location: The city.
    """
    return f"sunny in {location}"


def config(**fields):
    """Return a configuration with a system instruction."""
    return types.GenerateContentConfig(**{"system_instruction": "Help.", "temperature": 0.5} | fields)


def inference(emulator, client):
    """Make one plain call with every sampling option."""
    emulator.script(answer("Yes.", usage=USAGE))
    client.models.generate_content(model=MODEL, contents="x", config=config(**SAMPLING))


def streaming(emulator, client):
    """Make the same call, streamed to its end."""
    emulator.script(answer("a", "b", "c", usage=USAGE))
    list(client.models.generate_content_stream(model=MODEL, contents="x", config=config(**SAMPLING)))


def structured_output(emulator, client):
    """Make a call that names a schema."""
    emulator.script(answer("{}", usage=USAGE))
    schema = types.Schema(type="OBJECT", properties={"location": types.Schema(type="STRING")})
    asked = config(response_mime_type="application/json", response_schema=schema)
    client.models.generate_content(model=MODEL, contents="x", config=asked)


def multimodal(emulator, client):
    """Make a call with an image in the request and one in the reply."""
    emulator.script(
        answer("Red.", usage=Usage(prompt=40, prompt_image=15, answer=2)),
        Reply(parts=(Part(data="bW9jaw==", mime_type="image/png"),), usage=Usage(prompt=5, answer=20)),
    )
    parts = [types.Part(text="What is it?"), types.Part.from_bytes(data=PIXEL, mime_type="image/png")]
    client.models.generate_content(model=MODEL, contents=[types.Content(role="user", parts=parts)], config=config())
    asked = config(response_modalities=["TEXT", "IMAGE"])
    client.models.generate_content(model="gemini-2.5-flash-image", contents="Draw.", config=asked)


def embeddings(emulator, client):
    """Embed two texts with a number of dimensions."""
    emulator.script(Reply(usage=Usage(prompt=16)))
    asked = types.EmbedContentConfig(output_dimensionality=256)
    client.models.embed_content(model="gemini-embedding-001", contents=["a", "b"], config=asked)


def tool_calling(emulator, client):
    """Make a call whose function call the application answers itself."""
    emulator.script(function_call("get_current_weather", {"location": "x"}, usage=USAGE), answer("Sunny.", usage=USAGE))
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="get_current_weather")])
    off = types.AutomaticFunctionCallingConfig(disable=True)
    asked = config(tools=[tool], automatic_function_calling=off)
    contents = [types.Content(role="user", parts=[types.Part(text="x")])]
    first = client.models.generate_content(model=MODEL, contents=contents, config=asked)
    reply = types.Part.from_function_response(name="get_current_weather", response={"weather": "sunny"})
    contents += [first.candidates[0].content, types.Content(role="user", parts=[reply])]
    client.models.generate_content(model=MODEL, contents=contents, config=asked)


def automatic_tool_calling(emulator, client):
    """Make the same exchange, with the SDK running the function."""
    called = function_call("get_current_weather", {"location": "x"}, call_id="call_mock_001", usage=USAGE)
    emulator.script(called, answer("Sunny.", usage=USAGE))
    client.models.generate_content(model=MODEL, contents="x", config=config(tools=[get_current_weather]))


EXCHANGES = (
    inference,
    streaming,
    structured_output,
    multimodal,
    embeddings,
    tool_calling,
    automatic_tool_calling,
)
