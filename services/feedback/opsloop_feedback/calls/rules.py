"""What a call was, and what may be said of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from opsloop_common.errors import Invalid

AHEAD = timedelta(minutes=5)
"""So far a clock of others may be ahead of ours."""
LONGEST_SECONDS = 24 * 60 * 60


class Direction(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallOutcome(StrEnum):
    """What came of it."""

    ANSWERED = "answered"
    MISSED = "missed"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    FAILED = "failed"


SPOKEN = frozenset({CallOutcome.ANSWERED, CallOutcome.VOICEMAIL})


def require_possible(call: Mapping[str, Any], now: datetime) -> None:
    """Raise Invalid (422) for a call that cannot have been: from a time to come, or long where nobody answered."""
    for name in ("started_at", "called_back_at"):
        if call[name] is not None and call[name] > now + AHEAD:
            raise Invalid(f"/{name}", "must not lie in the future")
    if call["duration_seconds"] and CallOutcome(call["outcome"]) not in SPOKEN:
        raise Invalid("/duration_seconds", "must be 0 where nobody answered")
    if call["called_back_at"] is not None and call["callback_due_at"] is None:
        raise Invalid("/called_back_at", "needs a callback_due_at: nobody was to be called back")
