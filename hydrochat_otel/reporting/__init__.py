"""Reports calls, tokens and dollars in one line, from this process, a durable state or a running service."""
