"""W3C Trace Context, level 1: the header `traceparent` goes through to events and webhooks."""

from __future__ import annotations

import os
import re

# version ff is forbidden, all-zero ids mean "none"; later versions may append fields
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def traceparent_from(header: str | None) -> str:
    """Return a valid incoming `traceparent` as it is, or a fresh one that is not sampled."""
    if header is not None and len(header) <= 128 and _TRACEPARENT.fullmatch(header):
        if not header.startswith("00-"):
            return "00-" + header[3:55]
        if len(header) == 55:
            return header
    random = os.urandom(24).hex()
    return f"00-{random[:32]}-{random[32:]}-00"
