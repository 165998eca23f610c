"""UUIDv7: time-ordered ids, made in the process so that a row's id is known before it is written."""

from __future__ import annotations

import os
import time
from threading import Lock
from uuid import UUID

_turn = Lock()
_last = 0  # newest id of this process, as a number: what is made later sorts later, also within a millisecond


def uuid7() -> UUID:
    """Return a UUIDv7 (RFC 9562 §5.7, monotonic by method 2): greater than every one that this process made before."""
    global _last
    ms = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    # 73 random bits: the highest of the lower field stays free, so that counting up never reaches the variant
    fresh = (
        (ms & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & 0x1FFF_FFFF_FFFF_FFFF
    )
    with _turn:
        _last = max(fresh, _last + 1)
        return UUID(int=_last)
