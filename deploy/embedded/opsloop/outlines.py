"""What commands need to know of the services without loading them, which takes 1.5 s; a test holds it to what they declare."""

from __future__ import annotations

OUTLINES: dict[str, tuple[str, ...]] = {
    "feedback": ("feedback:read", "feedback:write", "feedback:admin", "feedback:submit"),
    "metrics": ("metrics:read", "metrics:write", "metrics:admin", "metrics:capture"),
    "campaigns": ("campaigns:read", "campaigns:write", "campaigns:admin"),
    "notifications": (
        "notifications:read",
        "notifications:write",
        "notifications:admin",
        "notifications:report",
        "notifications:subscribe",
    ),
}
"""The scopes of each service."""
