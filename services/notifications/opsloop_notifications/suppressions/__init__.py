"""Suppressions: addresses that get nothing, and why."""
