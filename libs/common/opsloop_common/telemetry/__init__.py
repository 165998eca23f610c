"""Traces: what one request set off, over the bus and out of the house. Off, and next to free, unless `OPSLOOP_OTLP_ENDPOINT` is set.

Only `tracer` loads OpenTelemetry; it is made by `runner.exporting`, which `runner.traced` loads when there is a collector.
"""
