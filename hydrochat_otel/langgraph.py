"""Door to the instrumentation of LangGraph graphs."""

from hydrochat_otel.instrumentation.langgraph import instrument_graph

__all__ = ["instrument_graph"]
