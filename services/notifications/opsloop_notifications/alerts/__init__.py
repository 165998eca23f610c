"""Alerts: what fires, who saw to it, and all that happened to it."""
