"""The client: one request at a time, within a time budget, from any event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hydrochat_otel.hydrochat.client import prompts
from hydrochat_otel.hydrochat.client.loop_thread import LoopThread
from hydrochat_otel.hydrochat.client.prompts import MAX_INPUT_CHARACTERS, Prompt, clean
from hydrochat_otel.hydrochat.client.retries import Pace
from hydrochat_otel.hydrochat.client.settings_in_force import settings_in_force, warn_once
from hydrochat_otel.hydrochat.enums import Intent
from hydrochat_otel.instrumentation import answer_check, instruments
from hydrochat_otel.instrumentation.answer_check import Check
from hydrochat_otel.instrumentation.gemini.attempts import status_of
from hydrochat_otel.instrumentation.gemini.reply_facts import BLOCKING
from hydrochat_otel.prices.usage import Tokens, UsageRecord
from hydrochat_otel.runtime import interruptions, process_globals, safe_log
from hydrochat_otel.runtime.forks import ForkLock
from hydrochat_otel.settings import Settings

if TYPE_CHECKING:
    from google import genai
    from google.genai.types import HttpOptions

logger: Final = logging.getLogger("hydrochat_otel.gemini_client_v2")

_T = TypeVar("_T")

_JSON: Final = "application/json"
_BUDGET_IN_TIMEOUTS: Final = 2.0
_LAST_RESORT_S: Final = 0.5
"""Seconds after the budget until a request is cut off that an attempt's own timeout has not ended."""

_loop: Final = LoopThread("hydrochat-otel-gemini")


class GeminiClientV2:
    """A client that may be used from any event loop and thread; its connections live in a loop of their own.

    Missing arguments are taken from the settings. Without an API key it warns once and gives its empty answers.

    Args:
        api_key: `GEMINI_API_KEY`.
        model: `GEMINI_MODEL`.
        request_timeout_s: The longest that one attempt may take; `LLM_REQUEST_TIMEOUT`.
        max_retries: How often a failed request is sent again; `LLM_MAX_RETRIES`.
        time_budget_s: The longest that a call may take with all its retries; twice the request timeout by default.
        max_input_characters: How much of a user's text is sent.
        http_options: Further options of the SDK, for instance `base_url`; timeout and retries are set from the above.

    Raises:
        ValueError: A given number is out of bounds.
    """

    def __init__(
        self,
        api_key: str | None = None,
        model: str | None = None,
        *,
        request_timeout_s: float | None = None,
        max_retries: int | None = None,
        time_budget_s: float | None = None,
        max_input_characters: int = MAX_INPUT_CHARACTERS,
        http_options: "HttpOptions | None" = None,
    ) -> None:
        for name, value, least in (
            ("request_timeout_s", request_timeout_s, 0.001),
            ("max_retries", max_retries, 0),
            ("time_budget_s", time_budget_s, 0.001),
            ("max_input_characters", max_input_characters, 1),
        ):
            if value is not None and not value >= least:
                raise ValueError(f"{name}={value} is not allowed: it must be at least {least}.")
        settings = settings_in_force()
        self.model = model or settings.gemini_model
        self._api_key = api_key or settings.gemini_api_key
        timeout_s = settings.llm_request_timeout_s if request_timeout_s is None else request_timeout_s
        retries = settings.llm_max_retries if max_retries is None else max_retries
        self._pace = Pace(retries, timeout_s, time_budget_s or _BUDGET_IN_TIMEOUTS * timeout_s)
        self._max_input_characters = max_input_characters
        self._http_options = http_options
        self._sdk: dict[asyncio.AbstractEventLoop, genai.Client] = {}

    def __repr__(self) -> str:
        return f"<GeminiClientV2 for {self.model}, {'with' if self._api_key else 'without'} an API key>"

    async def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, as the service counts them; 0 if it cannot be reached."""
        if not text:
            return 0

        async def send(client: "genai.Client") -> Any:
            return await client.aio.models.count_tokens(model=self.model, contents=text)

        return getattr(await self._ask("count_tokens", send), "total_tokens", None) or 0

    async def generate_content_with_tokens(
        self,
        prompt: str,
        *,
        system_instruction: str | None = None,
        response_schema: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        accepts: Check | None = None,
    ) -> tuple[Any, int]:
        """Send a prompt and return the SDK's response with the tokens it used; (None, 0) if the call failed.

        Args:
            prompt: Sent unchanged.
            system_instruction: The system instruction to the model.
            response_schema: Of a JSON answer.
            temperature: Of the sampling; None takes the model's default.
            accepts: Returns whether a response that no filter withheld is usable. An unusable one counts as a failed
                call in the metrics, and is still returned.
        """
        config: Any = {"system_instruction": system_instruction, "temperature": temperature}
        if response_schema is not None:
            config |= {"response_mime_type": _JSON, "response_schema": dict(response_schema)}

        def is_usable(reply: Any) -> bool:
            return accepts is None or _is_withheld(reply) or accepts(reply)

        async def send(client: "genai.Client") -> Any:
            with answer_check.demanding(is_usable):
                return await client.aio.models.generate_content(model=self.model, contents=prompt, config=config)

        response = await self._ask("generate_content", send)
        return response, 0 if response is None else _tokens_of(response).total

    async def classify_intent_fallback(self, message: str, context: str = "", conversation_summary: str = "") -> Intent:
        """Return the intent of a message; `Intent.UNKNOWN` if Gemini cannot decide or cannot be reached."""
        message, context, summary = (self._clean(text) for text in (message, context, conversation_summary))
        if not message:
            return Intent.UNKNOWN
        prompt = prompts.intent_prompt(message, context, summary)
        return await self._read(prompt, prompts.read_intent) or Intent.UNKNOWN

    async def extract_fields_fallback(self, message: str, fields: Iterable[str]) -> dict[str, str]:
        """Return the requested fields that a message states, by name, each in its normal form.

        Fields: `first_name`, `last_name`, `nric`, `contact_no`, `date_of_birth` (ISO 8601), `patient_id`, `details`;
        other names are ignored. Empty if nothing is stated or Gemini cannot be reached.
        """
        message, wanted = self._clean(message), prompts.known_fields(fields)
        if not message or not wanted:
            return {}
        prompt = prompts.fields_prompt(message, wanted)
        return await self._read(prompt, lambda answer: prompts.read_fields(answer, wanted)) or {}

    def _clean(self, text: object) -> str:
        return clean(text, self._max_input_characters) if isinstance(text, str) else ""

    async def _read(self, prompt: Prompt, read: Callable[[str], _T | None]) -> _T | None:
        """Request a structured answer and return what `read` makes of it, or None."""
        response, _ = await self.generate_content_with_tokens(
            prompt.contents,
            system_instruction=prompt.instruction,
            response_schema=prompt.schema,
            temperature=0.0,
            accepts=lambda reply: read(_text_of(reply)) is not None,
        )
        return None if response is None else read(_text_of(response))

    async def _ask(self, operation: str, request: Callable[["genai.Client"], Coroutine[Any, Any, Any]]) -> Any:
        """Send one request and return its response, or None; raises only what cancels or interrupts the caller."""
        if self._api_key is None:
            warn_once("no_key", "GEMINI_API_KEY is not set: intents stay UNKNOWN and no fields are read.")
            return None
        instruments.current()  # installs the pipeline on first use if the application did not

        async def send() -> Any:
            async with asyncio.timeout(self._pace.time_budget_s + _LAST_RESORT_S):
                return await request(self._client())

        try:
            return await _loop.run(send)
        except Exception as error:  # a chat turn continues without Gemini; the message may quote the request
            interruptions.pass_on(error)
            safe_log.warning(logger, "Gemini's %s failed (%s).", operation, status_of(error) or type(error).__name__)
            return None

    def _client(self) -> "genai.Client":
        """Return the SDK's client of the running loop, which is one of our own."""
        from google import genai  # noqa: PLC0415 - it costs 0.6 s, which only a process that calls Gemini should pay
        from google.genai import types  # noqa: PLC0415 - the same

        loop = asyncio.get_running_loop()
        # The client from before a fork stays referenced: freeing it would close the parent's connections.
        if loop not in self._sdk:
            given = self._http_options or types.HttpOptions()
            options = given.model_copy(
                update={
                    "timeout": int(self._pace.request_timeout_s * 1000),
                    "retry_options": types.HttpRetryOptions(attempts=self._pace.max_retries + 1),
                }
            )
            client = genai.Client(vertexai=False, api_key=self._api_key, http_options=options)
            self._pace.apply_to(client)
            self._sdk[loop] = client
        return self._sdk[loop]


def _text_of(response: Any) -> str:
    """Return the text of the first candidate without its thoughts."""
    for candidate in getattr(response, "candidates", None) or ():
        parts = getattr(getattr(candidate, "content", None), "parts", None) or ()
        return "".join(part.text for part in parts if part.text and not part.thought)
    return ""


def _is_withheld(response: Any) -> bool:
    """Return whether a filter of Gemini's withheld the answer, whose form is then valid."""
    if getattr(getattr(response, "prompt_feedback", None), "block_reason", None) is not None:
        return True
    reasons = [getattr(candidate, "finish_reason", None) for candidate in getattr(response, "candidates", None) or ()]
    return bool(reasons) and all(str(getattr(reason, "value", reason)).lower() in BLOCKING for reason in reasons)


def _tokens_of(response: Any) -> Tokens:
    record = UsageRecord()
    record.take(getattr(response, "usage_metadata", None))
    return record.tokens()


# -- the process's own client -------------------------------------------------------------------------------------


class _Default:
    """The client of the module's functions, made again when the settings change."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._made: tuple[Settings, GeminiClientV2] | None = None

    def forget(self) -> None:
        self._made = None

    def client(self) -> GeminiClientV2:
        settings = settings_in_force()
        with self._lock:
            if self._made is None or self._made[0] != settings:
                self._made = (settings, GeminiClientV2())
            return self._made[1]


_default: Final = _Default()
process_globals.register("the default Gemini client", _default.forget)


async def classify_intent_fallback_v2(message: str, context: str = "", conversation_summary: str = "") -> Intent:
    """Call :meth:`GeminiClientV2.classify_intent_fallback` on the client of the settings."""
    return await _default.client().classify_intent_fallback(message, context, conversation_summary)


async def extract_fields_fallback_v2(message: str, fields: Iterable[str]) -> dict[str, str]:
    """Call :meth:`GeminiClientV2.extract_fields_fallback` on the client of the settings."""
    return await _default.client().extract_fields_fallback(message, fields)
