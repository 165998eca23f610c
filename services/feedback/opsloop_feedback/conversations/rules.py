"""Decisions about conversations: who speaks, and how what we say gets to the author."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from uuid import UUID

BUCKETS = 256
"""So many names wake those who watch conversations: something said wakes about one in as many."""


class SaidBy(StrEnum):
    """Who speaks."""

    AUTHOR = "author"
    STAFF = "staff"


class Delivery(StrEnum):
    """What became of sending a message. `none`: it goes nowhere; `readable`: whoever posted the feedback reads it through the API."""

    NONE = "none"
    WAITING = "waiting"
    READABLE = "readable"
    SENT = "sent"
    FAILED = "failed"


ERASED = "erased"
"""Why a message was not sent whose author was erased before."""


def wakeup(feedback_id: UUID) -> str:
    """Return the name that wakes those who watch the conversation of a feedback, and a few others."""
    return f"conversation/{hashlib.blake2b(feedback_id.bytes, digest_size=1).digest()[0] % BUCKETS}"
