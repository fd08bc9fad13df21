"""The only room that builds on the OpenTelemetry SDK: providers, reader, span processor, sampler, gauges."""
