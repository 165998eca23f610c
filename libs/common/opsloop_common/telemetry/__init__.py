"""Traces: what one request set off, over the bus and out of the house. Off, and next to free, unless `OPSLOOP_OTLP_ENDPOINT` is set.

`spans` and `traceparent` load nothing; `tracer` and `exporting` load OpenTelemetry, and only `starting` imports them.
"""
