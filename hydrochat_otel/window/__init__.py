"""What is kept: entries, their summary, snapshots."""
