"""When a heartbeat is late, and what is said of it then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from opsloop_notifications.alerts.rules import Signal
from opsloop_notifications.labels.rules import ALERTNAME, without_empty

MISSED = "HeartbeatMissed"
NAME = "heartbeat"


class HeartbeatState(StrEnum):
    """`new`: it was never heard, and is waited for from its first beat on."""

    NEW = "new"
    ALIVE = "alive"
    MISSED = "missed"
    PAUSED = "paused"


def late_at(beat_at: datetime | None, every: timedelta, grace: timedelta) -> datetime | None:
    """Return from when on a heartbeat is late, None while it was never heard."""
    return None if beat_at is None else beat_at + every + grace


def state_of(
    beat_at: datetime | None, every: timedelta, grace: timedelta, now: datetime, *, enabled: bool
) -> HeartbeatState:
    """Return how a heartbeat stands."""
    late = late_at(beat_at, every, grace)
    if not enabled:
        return HeartbeatState.PAUSED
    if late is None:
        return HeartbeatState.NEW
    return HeartbeatState.ALIVE if now < late else HeartbeatState.MISSED


def missed(name: str, labels: Mapping[str, str], beat_at: datetime) -> Signal:
    """Return what is said when a heartbeat is late: an alert that fires until it is heard again."""
    at = beat_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    said = {
        "summary": f"{name} is late",
        "summary_zh": f"{name} 逾期未运行",
        "description": f"Last heard at {at}.",
        "description_zh": f"上次报到：{at}。",
    }
    return Signal(labels=_labels(name, labels), fires=True, annotations=said)


def heard(name: str, labels: Mapping[str, str]) -> Signal:
    """Return what is said when it is heard again, or not waited for any more."""
    return Signal(labels=_labels(name, labels), fires=False)


def _labels(name: str, labels: Mapping[str, str]) -> dict[str, str]:
    return without_empty({**labels, ALERTNAME: MISSED, NAME: name})
