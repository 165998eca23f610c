"""When a group of alerts is told of, decided as Alertmanager does (`notify/dedup_stage.go`, `dispatch/dispatch.go`).

A new group waits `group_wait`, then is looked at every `group_interval`. A look sends when the receiver does not know something yet,
or was last told `repeat_interval` ago; that is asked at looks only, so it is rounded up to whole intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from opsloop_notifications.labels.rules import Labels, Matcher, all_match

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GROUP_WAIT = timedelta(seconds=30)
GROUP_INTERVAL = timedelta(minutes=5)
REPEAT_INTERVAL = timedelta(hours=4)
GROUP_BY = ("alertname", "kpi")
"""Of alerts that no route of the workspace takes."""
ALL_LABELS = "..."
LOGGED_FOR = timedelta(hours=120)
"""How long it is remembered what a receiver was told of a group that is over, as Alertmanager's `--data.retention`."""


class Reason(StrEnum):
    """Why a group is told of now, in Alertmanager's words (`notification_reason`)."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts in group"
    ALL_RESOLVED = "all alerts resolved"
    NEW_RESOLVED = "new resolved alerts"
    REPEAT = "repeat interval elapsed"


@dataclass(frozen=True)
class Logged:
    """What a receiver was told of a group last: fingerprints of what fired and of what had ended."""

    firing: frozenset[str]
    resolved: frozenset[str]
    at: datetime


@dataclass(frozen=True)
class Flush:
    """What one look at a group comes to, for one receiver: whom it tells of (nobody: nothing is sent), and what is logged then."""

    reason: Reason | None
    told: tuple[str, ...]
    logged: Logged | None


def decide(
    logged: Logged | None,
    firing: frozenset[str],
    resolved: frozenset[str],
    now: datetime,
    *,
    repeat_interval: timedelta,
    send_resolved: bool,
) -> Reason | None:
    """Return why a receiver is told now, None when it is not. The order of the questions is Alertmanager's."""
    if logged is None:
        return Reason.FIRST if firing else None
    if not firing <= logged.firing:
        return Reason.NEW_ALERTS if logged.firing else Reason.FIRST
    if not firing:
        # asked whatever `send_resolved` says: the log must forget what fired
        return Reason.ALL_RESOLVED if logged.firing else None
    if send_resolved and not resolved <= logged.resolved:
        return Reason.NEW_RESOLVED
    return Reason.REPEAT if logged.at <= now - repeat_interval else None


def flush(
    alerts: Mapping[str, bool],
    logged: Logged | None,
    now: datetime,
    *,
    repeat_interval: timedelta,
    send_resolved: bool,
) -> Flush:
    """Look at what a receiver may hear of a group: `alerts` says of each fingerprint whether it fires.

    Without any, because all are silent, nothing is asked and the log stays.
    """
    if not alerts:
        return Flush(None, (), logged)
    firing = frozenset(id for id, fires in alerts.items() if fires)
    resolved = frozenset(alerts) - firing
    reason = decide(logged, firing, resolved, now, repeat_interval=repeat_interval, send_resolved=send_resolved)
    if reason is None:
        return Flush(None, (), logged)
    told = tuple(id for id, fires in alerts.items() if fires or send_resolved)
    return Flush(reason, told, Logged(firing, resolved, now))


def first_look(starts_at: datetime, now: datetime, group_wait: timedelta) -> datetime:
    """Return when a group is looked at that was not yet, and now has an alert: one that has waited elsewhere waits no more."""
    return now if now - starts_at > group_wait else now + group_wait


def next_look(looked_at: datetime, now: datetime, group_interval: timedelta) -> datetime:
    """Return when a group is looked at again: a whole number of intervals after a look, however late this one came."""
    return looked_at + group_interval * max((now - looked_at) // group_interval + 1, 1)


@dataclass(frozen=True)
class MuteTime:
    """Hours of some days of the week in which a route tells nothing; past midnight they belong to the day on which they begin."""

    days: frozenset[str]
    start: time
    end: time
    zone: ZoneInfo

    def covers(self, now: datetime) -> bool:
        """Say whether a moment is within; the clock on the wall counts, also on days on which it is changed."""
        local = now.astimezone(self.zone)
        at, today = local.time(), local.weekday()
        if self.start < self.end:
            return self.start <= at < self.end and self._is_on(today)
        return (at >= self.start and self._is_on(today)) or (at < self.end and self._is_on(today - 1))

    def _is_on(self, weekday: int) -> bool:
        return not self.days or DAYS[weekday] in self.days


@dataclass(frozen=True)
class Way:
    """A route as far as an alert on its way is concerned."""

    matchers: tuple[Matcher, ...]
    goes_on: bool


@dataclass(frozen=True)
class Telling:
    """A route as far as its groups are concerned. As it is, it is that of the alerts which no route of their workspace takes."""

    id: UUID | None = None
    name: str = "default"
    group_by: tuple[str, ...] = GROUP_BY
    group_wait: timedelta = GROUP_WAIT
    group_interval: timedelta = GROUP_INTERVAL
    repeat_interval: timedelta = REPEAT_INTERVAL
    receiver: UUID | None = None
    """None: all webhooks of the format."""
    send_resolved: bool = True
    mute_times: tuple[MuteTime, ...] = ()


def ways_of(labels: Labels, routes: Sequence[Way]) -> list[int]:
    """Return which routes an alert takes, by their place: the first that matches, and those after it for as long as each says so."""
    taken = []
    for place, route in enumerate(routes):
        if all_match(route.matchers, labels):
            taken.append(place)
            if not route.goes_on:
                break
    return taken


def group_labels(labels: Labels, group_by: Iterable[str]) -> dict[str, str]:
    """Return the labels that an alert has in common with its group; `...` stands for all."""
    names = set(group_by)
    return dict(labels) if ALL_LABELS in names else {name: labels[name] for name in sorted(names) if name in labels}


def common(all_labels: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what all of them say alike."""
    first, *others = all_labels
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def read_mute_times(stored: Iterable[Mapping[str, Any]]) -> tuple[MuteTime, ...]:
    """Return the mute times of a route as they are stored."""
    return tuple(
        MuteTime(
            frozenset(one["days"]),
            time.fromisoformat(one["start"]),
            time.fromisoformat(one["end"]),
            ZoneInfo(one["time_zone"]),
        )
        for one in stored
    )
