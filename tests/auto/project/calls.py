"""A script that calls Gemini three times, at a given address, and continues when a call fails."""

import contextlib
import sys

from google import genai
from google.genai import errors
from google.genai.types import HttpOptions

client = genai.Client(api_key="any", http_options=HttpOptions(base_url=sys.argv[1]))
for _ in range(3):
    with contextlib.suppress(errors.APIError):
        client.models.generate_content(model="gemini-2.0-flash-exp", contents="Hello")
print("done")
