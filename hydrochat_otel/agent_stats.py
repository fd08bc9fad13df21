"""Re-exports HydroChat's agent statistics under the import name of the original system."""

from hydrochat_otel.hydrochat.agent_stats import agent_stats

__all__ = ["agent_stats"]
