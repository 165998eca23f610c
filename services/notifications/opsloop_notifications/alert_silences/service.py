"""Use cases of silences and inhibition rules, and which alerts they keep quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.alert_silences import queries, rules
from opsloop_notifications.alert_silences.models import InhibitionRule, Silence
from opsloop_notifications.alert_silences.rules import Quiet, SilenceState
from opsloop_notifications.alerts import service as alerts
from opsloop_notifications.alerts.service import Alert
from opsloop_notifications.labels.rules import Inhibition, Labels, Matcher, all_match, inhibited, read_matchers

PREVIEWED = 100
_FORGET = text("DELETE FROM silence WHERE workspace = :workspace AND ends_at < :before")


async def create_silence(session: AsyncSession, fields: Mapping[str, Any]) -> Silence:
    """Keep alerts quiet for a while; raises Invalid (422), TooMany."""
    now = clock_of(session).now()
    starts_at = fields["starts_at"] or now
    rules.require_span(starts_at, fields["ends_at"], now)
    rules.require_meaning(read_matchers(fields["matchers"]), "/matchers")
    place = queries.unexpired(now).subquery()
    await take_place(session, place, most=limits.SILENCES_PER_WORKSPACE, what="silences that are not over")
    by = {"created_by": context_of(session).actor, "starts_at": starts_at}
    return resources.create(session, Silence, **(dict(fields) | by))


async def change_silence(
    session: AsyncSession, silence_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Silence:
    """Change a silence that is not over; raises Conflict (409), Invalid (422)."""
    silence = await queries.lock_silence(session, silence_id, expected)
    now = clock_of(session).now()
    if rules.state_of(silence.starts_at, silence.ends_at, now) is SilenceState.EXPIRED:
        raise Conflict("The silence is over; make another one.")
    with changing(session, silence, changes) as before:
        if before.keys() & {"starts_at", "ends_at"}:
            rules.require_span(silence.starts_at, silence.ends_at, now)
        if "matchers" in before:
            rules.require_meaning(read_matchers(silence.matchers), "/matchers")
    return silence


async def expire_silence(session: AsyncSession, silence_id: UUID, *, expected: Precondition) -> Silence:
    """End a silence now; one that is over stays as it is."""
    silence = await queries.lock_silence(session, silence_id, expected)
    now = clock_of(session).now()
    if rules.state_of(silence.starts_at, silence.ends_at, now) is not SilenceState.EXPIRED:
        with changing(session, silence, {"ends_at": now}, action="expired"):
            silence.starts_at = min(silence.starts_at, now)
    return silence


async def delete_silence(session: AsyncSession, silence_id: UUID, *, expected: Precondition) -> None:
    """Throw a silence away; if it held, what it kept quiet is told at the next look."""
    await resources.delete(session, await queries.lock_silence(session, silence_id, expected))


async def preview(session: AsyncSession, matchers: Sequence[Matcher]) -> tuple[int, list[Alert]]:
    """Return how many alerts that fire the matchers hold for, and the first of them; raises Invalid (422)."""
    rules.require_meaning(matchers, "/matchers")
    firing = await alerts.firing(session)
    holding = await breathing(lambda alert: all_match(matchers, alert.labels), firing)
    found = [alert for alert, does in zip(firing, holding, strict=True) if does]
    return len(found), found[:PREVIEWED]


async def create_inhibition_rule(session: AsyncSession, fields: Mapping[str, Any]) -> InhibitionRule:
    """Have alerts keep others quiet; raises Invalid (422), TooMany."""
    for side in ("source", "target"):
        rules.require_meaning(read_matchers(fields[side]), f"/{side}")
    await take_place(session, queries.INHIBITIONS, most=limits.INHIBITION_RULES_PER_WORKSPACE, what="inhibition rules")
    return resources.create(session, InhibitionRule, **fields)


async def change_inhibition_rule(
    session: AsyncSession, rule_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> InhibitionRule:
    """Change an inhibition rule; raises Invalid (422)."""
    rule = await queries.lock_inhibition_rule(session, rule_id, expected)
    with changing(session, rule, changes) as before:
        for side in before.keys() & {"source", "target"}:
            rules.require_meaning(read_matchers(getattr(rule, side)), f"/{side}")
    return rule


async def delete_inhibition_rule(session: AsyncSession, rule_id: UUID, *, expected: Precondition) -> None:
    """Throw an inhibition rule away."""
    await resources.delete(session, await queries.lock_inhibition_rule(session, rule_id, expected))


async def quiet_ones(session: AsyncSession, of: Mapping[str, Labels]) -> frozenset[str]:
    """Return the fingerprints of those alerts that nobody is to be told of now: inhibited or silenced."""
    stored = await queries.all_inhibition_rules(session)
    inhibitions = [
        Inhibition(read_matchers(rule.source), read_matchers(rule.target), tuple(rule.equal)) for rule in stored
    ]
    found: frozenset[str] = frozenset()
    # all that fires is read only where a rule may need it
    targets = [rule for rule in inhibitions if any(all_match(rule.target, labels) for labels in of.values())]
    if targets:
        firing = await alerts.firing_labels(session)
        found = frozenset().union(*await breathing(lambda rule: inhibited(of, firing, [rule]), targets))
    silences = [
        Quiet(str(one.id), read_matchers(one.matchers))
        for one in await queries.active(session, clock_of(session).now())
    ]
    rest = {id: labels for id, labels in of.items() if id not in found}
    if not silences or not rest:
        return found
    # silence by silence, so that each expression is compiled once
    return found.union(*await breathing(lambda silence: rules.held(silence, rest), silences))


async def forget_expired(session: AsyncSession, before: datetime) -> None:
    """Delete silences that were over before a time."""
    await session.execute(_FORGET, {"workspace": context_of(session).workspace, "before": before})
