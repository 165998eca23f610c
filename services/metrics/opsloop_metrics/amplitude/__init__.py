"""Amplitude's HTTP API v2."""
