"""Dashboards: saved insights side by side, answered together."""
