"""Who is woken by a new event. Pure."""

from __future__ import annotations

import hashlib

BUCKETS = 64
"""So many names wake those who wait for events: what one workspace is told wakes about one in as many of the others."""


def wakeup(workspace: str) -> str:
    """Return the name that wakes those who wait for a workspace's events, and a few others."""
    return f"events/{hashlib.blake2b(workspace.encode(), digest_size=1).digest()[0] % BUCKETS}"
