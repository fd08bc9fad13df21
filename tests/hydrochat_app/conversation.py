"""The state of conversations, in the process."""

import threading
import uuid
from dataclasses import dataclass, field


def _no_metrics():
    return {"total_api_calls": 0, "successful_ops": 0, "aborted_ops": 0, "retries": 0}


@dataclass
class ConversationState:
    """One conversation: its own counts, its patient, and how many scans were shown."""

    conversation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    metrics: dict = field(default_factory=_no_metrics)
    patient_id: int | None = None
    scans_shown: int = 0
    last_intent: str = ""


class Conversations:
    """The conversations of this process; any thread may call."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_id = {}

    def get(self, conversation_id):
        """The conversation, or None."""
        return self._by_id.get(conversation_id)

    def get_or_begin(self, conversation_id):
        """The conversation, or a new one."""
        with self._lock:
            state = self._by_id.get(conversation_id) or ConversationState()
            return self._by_id.setdefault(state.conversation_id, state)


conversations = Conversations()
