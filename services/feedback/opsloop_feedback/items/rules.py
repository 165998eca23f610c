"""What an item is called by, and of what about it other services are told."""

from __future__ import annotations

CLASSIFICATION = ("kind", "severity", "sentiment", "area", "tags")
ASSIGNMENT = ("assignee", "team")

NaturalKey = tuple[str, str, str]
"""Source, channel and external_id: what one sender calls a post on one channel."""
