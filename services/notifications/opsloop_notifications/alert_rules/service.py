"""Use cases of rules, and the ways by which alerts come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.known import types_of
from opsloop_common.db import clock_of
from opsloop_common.errors import Conflict
from opsloop_common.filters import read_filter, require_meant
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.alert_groups import service as groups
from opsloop_notifications.alert_rules import queries, rules
from opsloop_notifications.alert_rules.models import AlertRule
from opsloop_notifications.alert_rules.rules import EventRule, Posted
from opsloop_notifications.alerts.rules import TOO_MANY, Signal
from opsloop_notifications.escalations import service as escalations

log = structlog.get_logger()


@dataclass(frozen=True)
class NotTaken:
    """What is wrong with those that are no alerts, and whether there were some that may not begin to fire, since too many do."""

    faults: list[str]
    too_many: bool


async def hear_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Fire and end the alerts that events mean by the rules of their workspace."""
    found = [event for event in events if rules.may_alert(event)]
    if not found:
        return
    rows = await queries.all_rules(session)
    own = zip(await breathing(_read, rows), [row.enabled for row in rows], strict=True)
    in_force, now = rules.in_force(list(own)), clock_of(session).now()

    heard = [(rule, event) for event in found for rule in in_force if rule.hears(event.type)]
    documents = {event.id: event.document() for event in found}

    def signal_of(pair: tuple[EventRule, Event]) -> Signal | None:
        rule, event = pair
        return rule.signal(event, documents[event.id], now)

    signals = [signal for signal in await breathing(signal_of, heard) if signal is not None]
    if not signals:
        return
    if left_out := await hear(session, signals):
        log.warning("alerts left out", workspace=found[0].workspace, number=len(left_out), reason=TOO_MANY)


async def hear(session: AsyncSession, signals: Sequence[Signal]) -> list[Signal]:
    """Take what is said of sets of labels: it is told in groups, and what began is escalated.

    Returns those that were left out because too many would fire; the others were heard.
    """
    heard = await groups.hear(session, signals)
    await escalations.begin(session, heard.began)
    return heard.left_out


async def hear_posted(session: AsyncSession, posted: Sequence[Posted | str]) -> NotTaken:
    """Take what a client of Alertmanager posted; returns why some were not taken. All others were.

    In the place of one that is no alert stands what is wrong with it.
    """
    now = clock_of(session).now()

    def read_one(one: Posted | str) -> Signal | str:
        return one if isinstance(one, str) else rules.fault_of(one) or rules.signal_of(one, now)

    read = await breathing(read_one, posted)
    left_out = await hear(session, [signal for signal in read if not isinstance(signal, str)])
    return NotTaken([fault for fault in read if isinstance(fault, str)], bool(left_out))


def _read(row: AlertRule) -> EventRule:
    return EventRule(
        name=row.name,
        event_types=row.event_types,
        resolve_types=row.resolve_types,
        when=read_filter(row.when),
        labels=row.labels,
        labels_from=row.labels_from,
        annotations=row.annotations,
        annotations_from=row.annotations_from,
        incident_from=row.incident_from,
        resolve_after=row.resolve_after,
    )


async def create_rule(session: AsyncSession, fields: Mapping[str, Any]) -> AlertRule:
    """Add a rule; raises Invalid (422), Conflict (409) for a name that is taken, TooMany."""
    _require_known(fields["when"], fields["event_types"])
    await take_place(session, queries.RULES, most=limits.ALERT_RULES_PER_WORKSPACE, what="alert rules")
    await _require_free(session, fields["name"])
    return resources.create(session, AlertRule, **fields)


async def change_rule(
    session: AsyncSession, rule_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> AlertRule:
    """Change a rule; raises Invalid (422). What fires by it goes on until it is ended."""
    rule = await queries.lock_rule(session, rule_id, expected)
    with changing(session, rule, changes) as before:
        if before.keys() & {"when", "event_types"}:
            _require_known(rule.when, rule.event_types)
    return rule


async def delete_rule(session: AsyncSession, rule_id: UUID, *, expected: Precondition) -> None:
    """Throw a rule away; what fires by it goes on until somebody ends it."""
    await resources.delete(session, await queries.lock_rule(session, rule_id, expected))


def _require_known(when: Sequence[Mapping[str, Any]], event_types: Sequence[str]) -> None:
    require_meant(read_filter(when), types_of(event_types), "/when")


async def _require_free(session: AsyncSession, name: str) -> None:
    if await queries.has_named(session, name):
        raise Conflict("There is an alert rule of this name.")
