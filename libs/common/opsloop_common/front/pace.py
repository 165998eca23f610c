"""What is waited for on a connection, and how slowly it may come."""

from __future__ import annotations

from enum import Enum

from opsloop_common import limits


class Phase(Enum):
    """What is waited for: a head, its body, our answer, or the next request of a kept connection."""

    HEAD = 1
    BODY = 2
    ANSWER = 3
    IDLE = 4


def least(seconds: float) -> float:
    """Return how many bytes must have moved by then; before the grace is over, none."""
    return (seconds - limits.GRACE_SECONDS) * limits.LEAST_BYTES_PER_SECOND


def is_slow_body(seconds: float, *, came: int, announced: int | None) -> bool:
    """Say whether a body comes too slowly, or should have come whole by now; one that is not announced is a batch at most."""
    size = limits.BATCH_BYTES if announced is None else min(announced, limits.BATCH_BYTES)
    return came < least(seconds) or seconds > limits.BODY_SECONDS + size / limits.BODY_BYTES_PER_SECOND
