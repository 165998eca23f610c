"""What becomes an alert: events by rules, and what clients of Alertmanager post."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from opsloop_common.conditions import value_at
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.known import covers
from opsloop_common.filters import Term, all_hold
from opsloop_common.limits import ALERT_ANNOTATIONS, ALERT_LABELS, CAUSE_DEPTH
from opsloop_notifications.alerts.rules import Signal
from opsloop_notifications.labels.rules import ALERTNAME, is_name, without_empty

NAME_CHARACTERS = 100
VALUE_CHARACTERS = 1_000
ANNOTATION_CHARACTERS = 4_000
RESOLVE_TIMEOUT = timedelta(minutes=5)
TOLD_TIMEOUT = timedelta(days=1)
"""Who says `firing` says `resolved` too, and repeats the first every four hours unless told otherwise: this is for ends that were lost."""
"""When an alert ends of which a client did not say when it does, unless it says again that it fires."""
OWN_EVENTS = "alert."


@dataclass(frozen=True)
class EventRule:
    """Which events fire an alert, which end it, and what it is called.

    `labels_from` and `annotations_from` name fields of the event; what it lacks is left out. `incident_from` names the field by
    which the end of an incident is told from that of another.
    """

    name: str
    event_types: Sequence[str]
    resolve_types: Sequence[str] = ()
    when: Sequence[Term] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    labels_from: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    annotations_from: Mapping[str, str] = field(default_factory=dict)
    incident_from: str | None = None
    resolve_after: timedelta | None = None

    def hears(self, type: str) -> bool:
        """Say whether events of a type fire or end an alert by this rule."""
        return any(covers(pattern, type) for pattern in (*self.event_types, *self.resolve_types))

    def signal(self, event: Event, document: Mapping[str, Any], now: datetime) -> Signal | None:
        """Return what an event of a type that the rule hears says of an alert, None when it says nothing."""
        ends = any(covers(pattern, event.type) for pattern in self.resolve_types)
        if not ends and not all_hold(self.when, document):
            return None
        incident = _text_at(document, self.incident_from) if self.incident_from else ""
        return Signal(
            labels=without_empty({ALERTNAME: self.name, **self.labels, **_read(document, self.labels_from)}),
            fires=not ends,
            annotations=without_empty({**self.annotations, **_read(document, self.annotations_from)}),
            ends_at=now + self.resolve_after if self.resolve_after is not None and not ends else None,
            generator_url=event.link or "",
            incident=incident or None,
            event_type=event.type,
            cause=event,
        )


KPI_BREACHED = EventRule(
    name="KpiBreached",
    event_types=("kpi.breached",),
    resolve_types=("kpi.recovered",),
    labels_from={"kpi": "data.kpi", "monitor_id": "data.monitor_id", "severity": "data.severity"},
    annotations_from={
        "summary": "data.kpi_name",
        "value": "data.value",
        "threshold": "data.threshold",
        "expected": "data.expected",
        "unit": "data.unit",
        "description": "data.words.en",
        "description_zh": "data.words.zh",
    },
    incident_from="data.incident_id",
)
"""What every workspace has, unless it has a rule of the same name."""


def in_force(own: Sequence[tuple[EventRule, bool]]) -> list[EventRule]:
    """Return the rules that count of a workspace's own, given with whether they are enabled, and that which every workspace has."""
    named = {rule.name for rule, _ in own}
    rules = [rule for rule, is_enabled in own if is_enabled]
    return rules if KPI_BREACHED.name in named else [KPI_BREACHED, *rules]


def may_alert(event: Event) -> bool:
    """Say whether an event may fire an alert: not one that an alert led to, none at the end of a long chain, nothing of earlier times."""
    return not event.type.startswith(OWN_EVENTS) and event.causationdepth <= CAUSE_DEPTH and not event.is_history


def _read(document: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, str]:
    return {name: _text_at(document, path) for name, path in fields.items()}


def _text_at(document: Mapping[str, Any], path: str) -> str:
    """Return what stands at a place of an event as a text; empty where there is nothing, or nothing that a text can say."""
    match value_at(document, path):
        case str() as text:
            return text[:VALUE_CHARACTERS]
        case None | dict() | list():
            return ""
        case value:
            return orjson.dumps(value).decode()[:VALUE_CHARACTERS]


@dataclass(frozen=True)
class Posted:
    """An alert as a client of Alertmanager posted it."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    generator_url: str
    status: str | None = None
    """Grafana's webhook says it; clients of Alertmanager say when it ends."""


def fault_of(posted: Posted) -> str | None:
    """Return what is wrong with a posted alert, in words, or None."""
    labels = without_empty(posted.labels)
    if not labels:
        return "at least one label pair required"
    if len(labels) > ALERT_LABELS or len(posted.annotations) > ALERT_ANNOTATIONS:
        return f"at most {ALERT_LABELS} labels and {ALERT_ANNOTATIONS} annotations"
    for names, what, most in (
        (labels, "label", VALUE_CHARACTERS),
        (posted.annotations, "annotation", ANNOTATION_CHARACTERS),
    ):
        if not all(is_name(name) and len(name) <= NAME_CHARACTERS for name in names):
            return f"invalid {what} name"
        if any(len(value) > most for value in names.values()):
            return f"a {what} has more than {most} characters"
    if posted.starts_at is not None and posted.ends_at is not None and posted.ends_at < posted.starts_at:
        return "start time must be before end time"
    return None


def signal_of(posted: Posted, now: datetime) -> Signal:
    """Return what a posted alert says: one that has ended, or one that fires until its time, or until nobody said so for long."""
    has_ended = posted.status == "resolved" or (posted.ends_at is not None and posted.ends_at <= now)
    unsaid = TOLD_TIMEOUT if posted.status == "firing" else RESOLVE_TIMEOUT
    ends_at = posted.ends_at if posted.ends_at is not None else (now if has_ended else now + unsaid)
    return Signal(
        labels=without_empty(posted.labels),
        fires=not has_ended,
        annotations=without_empty(posted.annotations),
        starts_at=posted.starts_at or (min(ends_at, now) if posted.ends_at is not None else None),
        ends_at=ends_at,
        generator_url=posted.generator_url,
    )
