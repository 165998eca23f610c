"""Use cases of groups: alerts find theirs, and each is looked at when its time comes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import orjson
from sqlalchemy import delete, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.documents import write_document
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.parameters import named, unnested
from opsloop_common.resources import changing
from opsloop_common.turns import breathing
from opsloop_common.versions import Precondition
from opsloop_common.work import work_of
from opsloop_common.workspaces import take_place
from opsloop_notifications.alert_groups import queries, rules
from opsloop_notifications.alert_groups.models import AlertGroup, AlertMember, AlertNotice, AlertRoute
from opsloop_notifications.alert_groups.rules import Logged, Telling, Way
from opsloop_notifications.alert_silences import service as silences
from opsloop_notifications.alertmanager import rules as alertmanager
from opsloop_notifications.alerts import service as alerts
from opsloop_notifications.alerts.rules import AlertStatus, Signal
from opsloop_notifications.alerts.service import Alert, Heard
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.endpoints import service as endpoints
from opsloop_notifications.endpoints.rules import hears
from opsloop_notifications.endpoints.service import Receiver
from opsloop_notifications.labels.rules import read_matchers

LOOK = "notifications.look_at_alerts"
REROUTE = "notifications.reroute_alerts"
NOTIFICATION_TYPE = "alert.notification"
"""What deliveries to receivers of alerts are called; no event."""
WITHOUT_EVENT = "alert.triggered"
"""What an alert counts as that no event led to, where endpoints choose by types."""
_ROWS = 500
RowT = TypeVar("RowT")
_FORGET = text("DELETE FROM alert_notice WHERE workspace = :workspace AND at < :before")
# put together once: of 500 rows SQLAlchemy would write the statement anew each time, for as long as all else takes
_GROUP = {str(column.key): column for column in AlertGroup.__table__.c}
_MEMBER = {str(column.key): column for column in AlertMember.__table__.c}
_MAKE_GROUPS = text(
    f"INSERT INTO alert_group AS g ({named(_GROUP.values())}) SELECT * FROM {unnested('r', _GROUP)} "  # noqa: S608 our own names
    "ON CONFLICT (workspace, key) DO UPDATE SET looks_at = "
    "CASE WHEN g.was_looked_at THEN g.looks_at ELSE least(g.looks_at, excluded.looks_at) END RETURNING id, key, looks_at"
)
_ADD_MEMBERS = text(
    f"INSERT INTO alert_member ({named(_MEMBER.values())}) SELECT * FROM {unnested('r', _MEMBER)} "  # noqa: S608 our own names
    "ON CONFLICT DO NOTHING"
)
DEFAULT = Telling()


async def hear(session: AsyncSession, signals: Sequence[Signal]) -> Heard:
    """Take what is said of sets of labels; what fires finds its groups."""
    heard = await alerts.hear(session, signals)
    await _place(session, heard.fired)
    return heard


async def _place(session: AsyncSession, found: Sequence[Alert]) -> None:
    """Put alerts into their groups, which are made where they are not there."""
    if not found:
        return
    routes = await queries.all_routes(session)
    ways = [Way(read_matchers(route.matchers), route.goes_on) for route in routes]
    taken = await breathing(lambda alert: rules.ways_of(alert.labels, ways), found)
    pairs = [
        (_telling(routes[place]) if place is not None else DEFAULT, alert)
        for alert, places in zip(found, taken, strict=True)
        for place in places or (None,)
    ]
    groups = await _groups_of(session, pairs)
    keys = sorted(groups)
    ids: dict[str, UUID] = {}
    for some in _parts(keys):
        ids |= await _make_groups(session, [groups[key][0] for key in some])
    members = sorted({(ids[key], alert.id) for key in keys for alert in groups[key][1]})
    workspace = context_of(session).workspace
    columns = {"group_id": [group for group, _ in members], "alert_id": [alert for _, alert in members]}
    await session.execute(_ADD_MEMBERS, columns | {"workspace": [workspace] * len(members)})


async def _groups_of(
    session: AsyncSession, pairs: Iterable[tuple[Telling, Alert]]
) -> dict[str, tuple[dict[str, Any], list[Alert]]]:
    """Return by key the row of each group and its alerts. Of more groups than a workspace may have, the rest is one of each route."""
    wanted = await breathing(_keyed, pairs)
    keys = {key for *_, key in wanted}
    known = await queries.known_keys(session, keys)
    room = limits.ALERT_GROUPS - await queries.count_groups(session) if keys - known else 0
    now, workspace = clock_of(session).now(), context_of(session).workspace
    groups: dict[str, tuple[dict[str, Any], list[Alert]]] = {}
    for route, labels, alert, key in wanted:
        if key not in known and key not in groups:
            room -= 1
            if room < 0:
                labels, key = {}, _key(route.id, {})
        row, members = groups.setdefault(
            key,
            (
                {
                    "id": uuid7(),
                    "workspace": workspace,
                    "key": key,
                    "route_id": route.id,
                    "labels": labels,
                    "was_looked_at": False,
                    "looks_at": now + route.group_wait,
                    "created_at": now,
                },
                [],
            ),
        )
        row["looks_at"] = min(row["looks_at"], rules.first_look(alert.starts_at, now, route.group_wait))
        members.append(alert)
    return groups


def _keyed(pair: tuple[Telling, Alert]) -> tuple[Telling, Mapping[str, str], Alert, str]:
    route, alert = pair
    labels = rules.group_labels(alert.labels, route.group_by)
    return route, labels, alert, _key(route.id, labels)


def _telling(route: AlertRoute) -> Telling:
    return Telling(
        id=route.id,
        name=route.name,
        group_by=tuple(route.group_by),
        group_wait=route.group_wait,
        group_interval=route.group_interval,
        repeat_interval=route.repeat_interval,
        receiver=route.receiver,
        send_resolved=route.send_resolved,
        mute_times=rules.read_mute_times(route.mute_times),
    )


def _parts(rows: Sequence[RowT]) -> Iterator[Sequence[RowT]]:
    for begin in range(0, len(rows), _ROWS):
        yield rows[begin : begin + _ROWS]


def _key(route_id: UUID | None, labels: Mapping[str, str]) -> str:
    return sha256(orjson.dumps([str(route_id), labels], option=orjson.OPT_SORT_KEYS)).hexdigest()


async def _make_groups(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> dict[str, UUID]:
    """Add the groups that are not there, and look at those sooner that were not looked at yet and must be; returns all ids by key.

    Each is locked until the transaction ends, so that a look that is under way does not take it away.
    """
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in _GROUP}
    columns["labels"] = [write_document(labels) for labels in columns["labels"]]
    found = await session.execute(_MAKE_GROUPS, columns)
    ids = {}
    for row in found:
        ids[row.key] = row.id
        await due.schedule(session, LOOK, str(row.id), row.looks_at)
    return ids


async def look(session: AsyncSession, group_id: UUID) -> None:
    """Look at a group whose time has come: tell its receivers what they do not know, and put the next look off."""
    group = await queries.find_and_lock(session, group_id)
    now = clock_of(session).now()
    if group is None or group.looks_at > now:
        return
    row = None if group.route_id is None else await queries.find_route(session, group.route_id)
    if row is None and group.route_id is not None:  # rerouting has not come by yet
        await due.schedule(session, REROUTE, "", now)
        return
    route = DEFAULT if row is None else _telling(row)
    members = await alerts.alerts_by_id(session, await queries.members_of(session, [group.id]))
    looked_at = group.looks_at if now - group.looks_at < route.group_interval else now
    heard: Collection[str] = ()
    if members and not any(mute.covers(now) for mute in route.mute_times):
        heard = await _tell(session, group, route, members, now=now, looked_at=looked_at)
    ended = await _done_with(session, group, [alert for alert in members if _has_ended(alert, now)], heard)
    if len(ended) == len(members):
        await session.execute(delete(AlertMember).where(AlertMember.group_id == group.id))
        await session.delete(group)
        return
    for ids in _parts(ended):
        await session.execute(
            delete(AlertMember).where(AlertMember.group_id == group.id, AlertMember.alert_id.in_(ids))
        )
    group.was_looked_at = True
    group.looks_at = rules.next_look(group.looks_at, now, route.group_interval)
    await due.schedule(session, LOOK, str(group.id), group.looks_at)


async def _done_with(
    session: AsyncSession, group: AlertGroup, ended: Sequence[Alert], heard: Collection[str]
) -> list[UUID]:
    """Return which alerts that ended leave their group: all whose end nobody has to be told any more.

    Of what a receiver believes to fire, an end that came while it was kept quiet, or when nobody was there to be told, waits until
    it may be told. Alertmanager drops it, and takes the next firing for the one of before.
    """
    if all(alert.fingerprint in heard for alert in ended):
        return [alert.id for alert in ended]
    notices = await queries.notices_of(session, group.key)
    waiting = {fingerprint for notice in notices.values() for fingerprint in notice.firing} - set(heard)
    return [alert.id for alert in ended if alert.fingerprint not in waiting]


def _has_ended(alert: Alert, now: datetime) -> bool:
    return alert.status == AlertStatus.RESOLVED or (alert.ends_at is not None and alert.ends_at <= now)


async def _tell(
    session: AsyncSession,
    group: AlertGroup,
    route: Telling,
    members: Sequence[Alert],
    *,
    now: datetime,
    looked_at: datetime,
) -> frozenset[str]:
    """Tell a group's receivers what they do not know; returns the fingerprints of the alerts that they may hear of now."""
    receivers = await endpoints.alert_receivers(session, only=route.receiver)
    if not receivers and route.receiver is not None:  # deleted, or disabled: better by others than to nobody
        receivers = await endpoints.alert_receivers(session)
    if not receivers:
        return frozenset()
    quiet = await silences.quiet_ones(session, {alert.fingerprint: alert.labels for alert in members})
    heard = [alert for alert in members if alert.fingerprint not in quiet]
    notices = await queries.notices_of(session, group.key)
    for receiver in receivers:
        own = [alert for alert in heard if hears(receiver.event_types, alert.event_type or WITHOUT_EVENT)]
        notice = notices.get(receiver.id)
        found = rules.flush(
            {alert.fingerprint: not _has_ended(alert, now) for alert in own},
            _logged(notice),
            looked_at,
            repeat_interval=route.repeat_interval,
            send_resolved=route.send_resolved,
        )
        if found.reason is None or found.logged is None:
            continue
        told = [alert for alert in own if alert.fingerprint in set(found.told)]
        delivery_id, ended_ids = None, []
        if told:
            told = [*told, *await _untold_ends(session, notice, told, now)]
            ended_ids = [alert.id for alert in told if _has_ended(alert, now)]
            key = alertmanager.group_key(route.name, group.labels)
            delivery_id = await deliver(session, receiver, told, key=key, labels=group.labels, reason=found.reason)
        await _log(session, group, receiver.id, found.logged, delivery_id=delivery_id, ended_ids=ended_ids)
    return frozenset(alert.fingerprint for alert in heard)


def _logged(notice: AlertNotice | None) -> Logged | None:
    return Logged(frozenset(notice.firing), frozenset(notice.resolved), notice.at) if notice is not None else None


async def _untold_ends(
    session: AsyncSession, notice: AlertNotice | None, told: Sequence[Alert], now: datetime
) -> list[Alert]:
    """Withdraw the notification before, if it still waits to be delivered: it is out of date. Returns the ends that only it told."""
    if notice is None or notice.delivery_id is None:
        return []
    if not await deliveries.withdraw(session, notice.delivery_id):
        return []
    missing = set(notice.ended_ids) - {alert.id for alert in told}
    found = await alerts.alerts_by_id(session, missing) if missing else ()
    return [alert for alert in found if _has_ended(alert, now)]


async def deliver(
    session: AsyncSession,
    receiver: Receiver,
    told: Sequence[Alert],
    *,
    key: str,
    labels: Mapping[str, str],
    reason: str,
) -> UUID:
    """Put a message about alerts on the way to a receiver, and say so in their logs; returns its delivery."""
    now = clock_of(session).now()
    in_order = sorted(told, key=lambda one: (_has_ended(one, now), one.starts_at, sorted(one.labels.items())))
    document = alertmanager.notification(
        [
            alertmanager.Told(
                fingerprint=alert.fingerprint,
                labels=alert.labels,
                annotations=alert.annotations,
                starts_at=alert.starts_at,
                ends_at=(alert.ends_at or now) if _has_ended(alert, now) else None,
                generator_url=alert.generator_url,
            )
            for alert in in_order
        ],
        key=key,
        receiver=receiver.name,
        reason=reason,
        group_labels=labels,
        common_labels=rules.common([alert.labels for alert in in_order]),
        common_annotations=rules.common([alert.annotations for alert in in_order]),
        external_url=work_of(session).grounds.link("/") or "",
    )
    plan = deliveries.Plan(receiver.id, uuid7(), NOTIFICATION_TYPE, document)
    (delivery_id,) = await deliveries.plan_deliveries(session, [plan])
    ids = [alert.id for alert in in_order[: alertmanager.ALERTS_OF_A_NOTIFICATION]]
    await alerts.note_told(session, ids, receiver=receiver.id, delivery=delivery_id, reason=reason)
    return delivery_id


async def _log(
    session: AsyncSession,
    group: AlertGroup,
    receiver: UUID,
    logged: Logged,
    *,
    delivery_id: UUID | None,
    ended_ids: Sequence[UUID],
) -> None:
    said = {
        "firing": sorted(logged.firing),
        "resolved": sorted(logged.resolved),
        "at": logged.at,
        "delivery_id": delivery_id,
        "ended_ids": list(ended_ids),
    }
    named = {"workspace": group.workspace, "group_key": group.key, "receiver": receiver}
    await session.execute(
        insert(AlertNotice)
        .values(named | said)
        .on_conflict_do_update(index_elements=["workspace", "group_key", "receiver"], set_=said)
    )


async def reroute(session: AsyncSession) -> None:
    """Put all alerts of the workspace's groups into those that its routes want now. What was told before is remembered."""
    groups = await queries.lock_groups(session)
    ids = [group.id for group in groups]
    members = await queries.members_of(session, ids)
    await session.execute(delete(AlertMember).where(AlertMember.group_id.in_(ids)))
    await session.execute(delete(AlertGroup).where(AlertGroup.id.in_(ids)))
    await _place(session, await alerts.alerts_by_id(session, members))


async def create_route(session: AsyncSession, fields: Mapping[str, Any]) -> AlertRoute:
    """Add a route; what fires finds its new groups at once. Raises Invalid (422), TooMany."""
    await _require_receiver(session, fields["receiver"])
    await take_place(session, queries.ROUTES, most=limits.ALERT_ROUTES_PER_WORKSPACE, what="alert routes")
    await _reroute_soon(session)
    return resources.create(session, AlertRoute, **fields)


async def change_route(
    session: AsyncSession, route_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> AlertRoute:
    """Change a route; raises Invalid (422)."""
    route = await queries.lock_route(session, route_id, expected)
    with changing(session, route, changes) as before:
        if "receiver" in before:
            await _require_receiver(session, route.receiver)
        if before.keys() & {"matchers", "position", "goes_on", "group_by"}:
            await _reroute_soon(session)
    return route


async def delete_route(session: AsyncSession, route_id: UUID, *, expected: Precondition) -> None:
    """Throw a route away; its alerts take others."""
    await resources.delete(session, await queries.lock_route(session, route_id, expected))
    await _reroute_soon(session)


async def _require_receiver(session: AsyncSession, receiver: UUID | None) -> None:
    if receiver is None:
        return
    try:
        webhook = await endpoints.get_webhook(session, receiver)
    except NotFound as error:
        raise Invalid("/receiver", "is no webhook of this workspace") from error
    if webhook.about != endpoints.About.ALERTS:
        raise Invalid("/receiver", "must be a webhook that is about alerts")


async def _reroute_soon(session: AsyncSession) -> None:
    await due.schedule(session, REROUTE, "", clock_of(session).now())


async def forget_notices(session: AsyncSession) -> None:
    """Forget what receivers were told of groups of which nothing was said for five days."""
    before = clock_of(session).now() - rules.LOGGED_FOR
    await session.execute(_FORGET, {"workspace": context_of(session).workspace, "before": before})
