"""The server on a port of its own, and which process of a group has the port."""
