"""Re-exports the instrumentation of LangGraph graphs."""

from hydrochat_otel.instrumentation.langgraph import TurnTracker, instrument_graph

__all__ = ["TurnTracker", "instrument_graph"]
