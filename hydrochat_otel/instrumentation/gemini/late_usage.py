"""Work that is charged once its result is seen: interactions in the background, batches, videos.

Bounded, without a lock: each step is one operation of a dictionary, so that the first look at a result wins.
"""

from contextlib import suppress
from typing import Final, Generic, NamedTuple, TypeVar

from hydrochat_otel.runtime import failures

_MOST_KEPT: Final = 4096

_FORGOTTEN: Final = (
    f"More than {_MOST_KEPT} batches, background interactions or videos wait for a result that this process has not "
    "seen: the oldest are forgotten, and what they cost is not counted here."
)

_Value = TypeVar("_Value")


class Begun(Generic[_Value]):
    """Work in progress at the service, by its name; any thread may call.

    Work is known from the moment that this process begins it or sees it unfinished, until its result is taken. A result
    is never taken twice. Beyond a bound the oldest work is forgotten, which is counted and logged: its result will not
    be counted by this process.
    """

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most = most
        self._kept: dict[str, _Value] = {}

    def put(self, name: str, value: _Value) -> None:
        """Remember work that has begun; a known name keeps its value."""
        if name in self._kept:
            return
        self._kept[name] = value
        if len(self._kept) > self._most:
            with suppress(RuntimeError, StopIteration):  # another thread changed it meanwhile, and looks by itself
                self._kept.pop(next(iter(self._kept)), None)
            failures.note("google_genai.late_usage", sentence=_FORGOTTEN)

    def take(self, name: str) -> _Value | None:
        """Return the value of finished work and remove it; None if it is unknown or was taken before."""
        return self._kept.pop(name, None)

    def __len__(self) -> int:
        return len(self._kept)


class Video(NamedTuple):
    """A requested video.

    Attributes:
        model: As the caller named it.
        seconds: Its length.
    """

    model: str
    seconds: float


class LateUsage:
    """Everything that was begun and whose usage is still to come.

    Attributes:
        interactions: Models of interactions that run in the background or over a web socket, by id.
        batches: Models of batch jobs, by name.
        batch_files: Models of finished batch jobs whose replies are in a file, by the file's name.
        videos: Videos in progress, by the name of the operation.
    """

    def __init__(self) -> None:
        self.interactions: Begun[str] = Begun()
        self.batches: Begun[str] = Begun()
        self.batch_files: Begun[str] = Begun()
        self.videos: Begun[Video] = Begun()
