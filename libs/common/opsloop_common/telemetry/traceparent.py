"""W3C Trace Context, level 2: the header `traceparent` goes through to events and webhooks."""

from __future__ import annotations

import os
import re

# version ff is forbidden, all-zero ids mean "none"; later versions may append fields
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_SAMPLED = 1


def readable(header: str | None) -> str | None:
    """Return a valid `traceparent` in version 00, None for anything else."""
    if header is not None and len(header) <= 128 and _TRACEPARENT.fullmatch(header):
        if not header.startswith("00-"):
            return "00-" + header[3:55]
        if len(header) == 55:
            return header
    return None


def traceparent_from(header: str | None) -> str:
    """Return a valid incoming `traceparent` as it is, or a fresh one that is not sampled."""
    given = readable(header)
    if given is not None:
        return given
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-00"


def is_sampled(traceparent: str | None) -> bool:
    """Say whether somebody records the trace: only then are there spans below it."""
    return traceparent is not None and bool(int(traceparent[-2:], 16) & _SAMPLED)


def is_same_trace(one: str, other: str) -> bool:
    """Say whether two belong to one trace."""
    return one[3:35] == other[3:35]
