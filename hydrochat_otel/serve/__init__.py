"""The server on a port of its own, and the choice of the process that has the port."""
