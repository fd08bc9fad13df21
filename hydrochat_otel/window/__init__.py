"""The window: entries, their summary, snapshots."""
