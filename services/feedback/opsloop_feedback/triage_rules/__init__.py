"""Triage rules: what a team decides about posts of which something holds."""
