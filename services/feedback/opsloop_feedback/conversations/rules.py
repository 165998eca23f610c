"""Decisions about conversations: who speaks, and how what we say gets to the author."""

from __future__ import annotations

from enum import StrEnum


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
