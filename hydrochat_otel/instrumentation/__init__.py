"""What measures; knows the OpenTelemetry API only."""
