"""What happens in each turn of the demo's conversation, and the replies that make it happen.

A step's case follows from the turn's number alone, its numbers from seed, turn and step; a header carries them to the
emulator. So two runs with the same seed have the same tokens and the same bill, in any order of requests.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Literal, Self

from hydrochat_otel.testing.answers import made_up_reply
from hydrochat_otel.testing.replies import Reply, Usage, answer, failure, function_call, rate_limited
from hydrochat_otel.testing.wire import Request

Step = Literal["classify", "extract", "answer", "scans", "embed", "count", "summarise"]


class Case(StrEnum):
    """The case of a step."""

    PLAIN = "plain"
    SLOW = "slow"  # over the 2 s that a turn may take
    THINKING = "thinking"
    THINKING_INSIDE = "thinking_inside"  # like THINKING, but candidatesTokenCount includes the thoughts
    CACHED = "cached"
    VOICE = "voice"  # a part of the prompt is audio
    GROUNDED = "grounded"  # the service's own tool adds prompt tokens
    LONG = "long"  # a prompt in the upper price tier
    OTHER_VERSION = "other_version"  # another model version answers than the requested one
    NULL_LAST = "null_last"  # the last event's usage is null
    NO_USAGE = "no_usage"
    UNPRICED = "unpriced"
    THROTTLED = "throttled"  # 429, then an answer
    UNAVAILABLE = "unavailable"  # 503 twice, then an answer
    FAILING = "failing"  # 500 on every attempt
    BLOCKED = "blocked"
    CUT = "cut"  # the connection breaks during the stream
    CLOSED_EARLY = "closed_early"  # the caller stops reading
    DEEP_SCAN = "deep_scan"  # two function calls instead of one


FAILING_CASES: Final = frozenset({Case.FAILING, Case.CUT})
"""Cases that end in an exception for the caller."""

_ANSWER_CASES: Final = (
    Case.PLAIN,
    Case.SLOW,
    Case.THINKING,
    Case.PLAIN,
    Case.CACHED,
    Case.THROTTLED,
    Case.PLAIN,
    Case.BLOCKED,
    Case.THINKING_INSIDE,
    Case.PLAIN,
    Case.UNAVAILABLE,
    Case.CLOSED_EARLY,
    Case.VOICE,
    Case.SLOW,
    Case.OTHER_VERSION,
    Case.PLAIN,
    Case.NULL_LAST,
    Case.FAILING,
    Case.PLAIN,
    Case.GROUNDED,
    Case.PLAIN,
    Case.CUT,
    Case.UNPRICED,
    Case.NO_USAGE,
)
_MODELS: Final[Mapping[Step, str]] = {
    "classify": "gemini-2.0-flash-exp",
    "extract": "gemini-2.0-flash-exp",
    "answer": "gemini-2.5-flash",
    "scans": "gemini-2.5-flash-lite",
    "embed": "gemini-embedding-001",
    "count": "gemini-2.5-flash",
    "summarise": "gemini-2.5-pro",
}
_REFUSALS: Final[Mapping[Case, tuple[Reply, ...]]] = {
    Case.THROTTLED: (rate_limited(),),
    Case.UNAVAILABLE: (failure(503, "the model is overloaded"),) * 2,
}
_SENTENCES: Final = (
    "The wound bed looks clean. ",
    "Keep the dressing dry ",
    "and change it every second day. ",
    "Watch for redness, ",
    "warmth or a new smell, ",
    "and come back on Thursday.",
)
_ENDINGS: Final[Mapping[Case, Mapping[str, Any]]] = {
    Case.BLOCKED: {"block_reason": "PROHIBITED_CONTENT", "parts": ()},
    Case.NO_USAGE: {"usage": None},
    Case.NULL_LAST: {"usage_on": "null_last"},
    Case.OTHER_VERSION: {"model_version": "gemini-2.5-flash"},
    Case.CUT: {"cut_after": 3},
    Case.CLOSED_EARLY: {"hold_after": 2},
}
_FIRST_BYTE_MS: Final[Mapping[Step, tuple[int, int]]] = {
    "classify": (120, 350),
    "extract": (150, 400),
    "answer": (250, 600),
    "scans": (150, 350),
    "embed": (40, 120),
    "count": (20, 60),
    "summarise": (600, 1_100),
}
_SLOW_S: Final = 2.1
_LONG_AT: Final = 20  # rare: it costs more than all other turns together
_CHUNK_S: Final = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a request states in its header: numbers and names of cases, nothing else."""

    seed: int
    turn: int
    step: Step
    case: Case
    time_scale: float

    def __str__(self) -> str:
        return f"{self.seed} {self.turn} {self.step} {self.case} {self.time_scale:g}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The mark in a header; None for a request that is not the workload's."""
        try:
            seed, turn, step, case, time_scale = text.split()
            known = next(name for name in _MODELS if name == step)
            return cls(seed=int(seed), turn=int(turn), step=known, case=Case(case), time_scale=float(time_scale))
        except (ValueError, StopIteration):
            return None

    @property
    def model(self) -> str:
        """The model that the step requests."""
        special = {Case.UNPRICED: "wound-triage-preview", Case.OTHER_VERSION: "gemini-flash-latest"}
        return special.get(self.case, _MODELS[self.step])

    def number(self, name: str, low: int, high: int) -> int:
        """A pseudo-random number from `low` to `high`, always the same for this step and name."""
        key = f"{self.seed} {self.turn} {self.step} {name}".encode()
        return low + int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) % (high - low + 1)


@dataclass(frozen=True, slots=True)
class Turn:
    """The steps of one turn; a missing step is None."""

    classify: Case
    extract: Case | None
    answer: Case
    scans: Case | None
    embed: Case | None
    count: Case | None
    summarise: Case | None
    in_thread: bool
    """Whether its optional steps use the synchronous client in a thread."""
    save_fails: bool


def plan(turn: int) -> Turn:
    """The steps of a turn, from its number (0, 1, ...) alone."""
    return Turn(
        classify={3: Case.THROTTLED, 7: Case.UNAVAILABLE}.get(turn % 15, Case.PLAIN),
        extract=None if turn % 3 == 1 else Case.PLAIN,
        answer=_ANSWER_CASES[turn % len(_ANSWER_CASES)],
        scans={1: Case.PLAIN, 5: Case.DEEP_SCAN}.get(turn % 8),
        embed=Case.PLAIN if turn % 3 == 1 else None,
        count=Case.PLAIN if turn % 5 == 0 else None,
        summarise=Case.LONG if turn % 60 == _LONG_AT else {2: Case.THINKING, 8: Case.PLAIN}.get(turn % 12),
        in_thread=turn // 4 % 2 == 1,
        save_fails=(turn + 7) % 13 == 0,
    )


class ConversationBrain:
    """Answers the workload's requests by their marks, and any other request with the default reply.

    It keeps only the number of refusals of each call. Called from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: Counter[str] = Counter()

    def __call__(self, request: Request) -> Reply:
        """Return the reply to a request."""
        mark = Mark.parse(request.step)
        if mark is None:
            return made_up_reply(request)
        refusal = self._refusal(request, mark)
        reply = refusal or _reply(request, mark)
        low_ms, high_ms = _FIRST_BYTE_MS[mark.step]
        first_byte_s = mark.number(f"delay {request.hop}", low_ms, high_ms) / 1_000
        if refusal is not None:
            first_byte_s /= 4
        elif mark.case is Case.SLOW:
            first_byte_s = _SLOW_S
        scale = mark.time_scale
        return replace(reply, delay_s=first_byte_s * scale, chunk_delay_s=_CHUNK_S * scale if request.streams else 0.0)

    def _refusal(self, request: Request, mark: Mark) -> Reply | None:
        if mark.case is Case.FAILING:
            return failure(500, "an internal error has occurred")
        refusals = _REFUSALS.get(mark.case, ())
        with self._lock:
            refused = self._refused[request.call]
            if refused < len(refusals):
                self._refused[request.call] += 1
                return refusals[refused]
            self._refused.pop(request.call, None)
        return None


def _reply(request: Request, mark: Mark) -> Reply:
    usage = _usage(mark, request.hop)
    if mark.step == "scans":
        hops = 2 if mark.case is Case.DEEP_SCAN else 1
        if request.hop < hops:
            name = "find_scans" if request.hop == 0 else "measure_depth"
            return function_call(name, {"bed": mark.turn % 40 + 1}, usage=usage)
    if mark.step in ("classify", "extract"):
        return Reply(usage=usage)
    reply = answer(*_SENTENCES, usage=usage)
    return replace(reply, **_ENDINGS.get(mark.case, {}))


def _usage(mark: Mark, hop: int) -> Usage:
    prompt = mark.number(f"prompt {hop}", 180, 420) + 60 * hop
    if mark.step == "embed":
        return Usage(prompt=prompt)
    thinking = mark.number("thinking", 200, 900)
    special: Mapping[Case, dict[str, Any]] = {
        Case.THINKING: {"thinking": thinking},
        Case.THINKING_INSIDE: {"thinking": thinking, "thinking_inside": True},
        Case.CACHED: {"prompt": prompt + 4_096, "cached": 4_096},
        Case.VOICE: {"prompt": prompt + 640, "prompt_audio": 640},
        Case.GROUNDED: {"tool": mark.number("tool", 100, 300)},
        Case.LONG: {"prompt": prompt + 200_000, "thinking": thinking},
        Case.BLOCKED: {"answer": 0},
    }
    plain = {"prompt": prompt, "answer": mark.number(f"answer {hop}", 20, 120)}
    return Usage(**(plain | special.get(mark.case, {})))
