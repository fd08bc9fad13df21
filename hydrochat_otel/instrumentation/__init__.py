"""The write side: measures operations and calls, with the OpenTelemetry API only."""
