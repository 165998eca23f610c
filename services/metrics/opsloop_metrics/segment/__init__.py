"""Segment's HTTP API, and the clients that speak it: its own, analytics.js, RudderStack's."""
