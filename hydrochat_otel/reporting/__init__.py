"""Answers "what did it cost?" in one line, from this process, a durable state or a running service."""
