"""Re-exports HydroChat's intents under the import name of the original system."""

from hydrochat_otel.hydrochat.enums import Intent

__all__ = ["Intent"]
