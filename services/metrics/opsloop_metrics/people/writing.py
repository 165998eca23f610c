"""Writes what became of a block's persons: a few statements whatever the block's size, under the lock of `queries.lock_persons`.

Each takes its rows as arrays. Persons come first, since all else refers to them; then what the merged ones had moves, then what is
new is added, so that nothing is left with somebody who is no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_metrics.capture.rules import Heard
from opsloop_metrics.people.rules import Merge, Person, Traits, World

_PERSONS = text(
    "INSERT INTO person AS p (id, workspace, user_id, first_seen_at, is_identified, traits, set_at, version, created_at, "
    "updated_at) SELECT id, :workspace, user_id, seen, identified, traits, set_at, version, :now, :now FROM "
    "unnest(CAST(:ids AS uuid[]), CAST(:users AS text[]), CAST(:seen AS timestamptz[]), CAST(:identified AS boolean[]), "
    "CAST(:traits AS jsonb[]), CAST(:stamps AS jsonb[]), CAST(:versions AS integer[])) "
    "AS n(id, user_id, seen, identified, traits, set_at, version) "
    "ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, first_seen_at = excluded.first_seen_at, "
    "is_identified = excluded.is_identified, traits = excluded.traits, set_at = excluded.set_at, version = excluded.version, "
    "updated_at = excluded.updated_at"
)
_ALIASES = text(
    "INSERT INTO person_alias (workspace, distinct_id, person_id, is_identified, is_claimed, met_at) "
    "SELECT :workspace, id, person_id, identified, claimed, :now FROM unnest(CAST(:ids AS text[]), CAST(:persons AS uuid[]), "
    "CAST(:identified AS boolean[]), CAST(:claimed AS boolean[])) AS n(id, person_id, identified, claimed) "
    "ON CONFLICT (workspace, distinct_id) DO UPDATE SET person_id = excluded.person_id, "
    "is_identified = excluded.is_identified, is_claimed = excluded.is_claimed"
)
# by ANY and place rather than by a join with the arrays: row-level security keeps the planner from seeing how many rows a workspace
# has, and of joins it took those that read the whole table (500 merges among 20,000 persons: 490 ms, so 8)
_MOVE_ALIASES = text(
    "UPDATE person_alias SET person_id = (CAST(:living AS uuid[]))[array_position(CAST(:gone AS uuid[]), person_id)] "
    "WHERE person_id = ANY(CAST(:gone AS uuid[]))"
)
_MOVE_MERGES = text(
    "UPDATE person_merge SET into_id = (CAST(:living AS uuid[]))[array_position(CAST(:gone AS uuid[]), into_id)], "
    "version = version + 1 WHERE into_id = ANY(CAST(:gone AS uuid[])) RETURNING from_id, into_id, version"
)
_GONE = text("DELETE FROM person WHERE id = ANY(CAST(:gone AS uuid[]))")
_MERGES = text(
    "INSERT INTO person_merge (from_id, workspace, into_id, at, actor, version) SELECT gone, :workspace, living, at, actor, 1 "
    "FROM unnest(CAST(:gone AS uuid[]), CAST(:living AS uuid[]), CAST(:times AS timestamptz[]), CAST(:actors AS text[])) "
    "AS m(gone, living, at, actor)"
)
_MOVE_MEMBERS = text(
    "WITH moved AS (DELETE FROM person_group WHERE person_id = ANY(CAST(:gone AS uuid[])) RETURNING type, key, since, "
    "(CAST(:living AS uuid[]))[array_position(CAST(:gone AS uuid[]), person_id)] AS living) "
    "INSERT INTO person_group AS g (person_id, type, key, workspace, since) "
    "SELECT living, type, key, :workspace, min(since) FROM moved GROUP BY living, type, key "
    "ON CONFLICT (person_id, type, key) DO UPDATE SET since = least(g.since, excluded.since)"
)
_MEMBERS = text(
    "INSERT INTO person_group AS g (person_id, type, key, workspace, since) SELECT person_id, type, key, :workspace, since "
    "FROM unnest(CAST(:persons AS uuid[]), CAST(:types AS text[]), CAST(:keys AS text[]), CAST(:times AS timestamptz[])) "
    "AS n(person_id, type, key, since) "
    "ON CONFLICT (person_id, type, key) DO UPDATE SET since = excluded.since WHERE excluded.since < g.since"
)
_GROUPS = text(
    "INSERT INTO group_profile AS g (workspace, type, key, first_seen_at, traits, set_at) "
    "SELECT :workspace, type, key, seen, traits, set_at FROM unnest(CAST(:types AS text[]), CAST(:keys AS text[]), "
    "CAST(:seen AS timestamptz[]), CAST(:traits AS jsonb[]), CAST(:stamps AS jsonb[])) AS n(type, key, seen, traits, set_at) "
    "ON CONFLICT (workspace, type, key) DO UPDATE SET first_seen_at = least(g.first_seen_at, excluded.first_seen_at), "
    "traits = excluded.traits, set_at = excluded.set_at"
)
_ERASED = text(
    "INSERT INTO erased_person (workspace, digest, erased_at) "
    "SELECT :workspace, digest, :now FROM unnest(CAST(:digests AS bytea[])) AS n(digest) ON CONFLICT DO NOTHING"
)


async def write(session: AsyncSession, world: World) -> tuple[list[Person], list[Merge]]:
    """Write what differs; returns the changed persons in their new versions, and the merges that are new or lead elsewhere now."""
    persons = world.changed_persons()
    for person in persons:
        person.version += 1
    await _write_persons(session, persons)
    merges = await _write_merges(session, world.merged())
    await _write_aliases(session, world)
    await _write_members(session, world.members())
    await _write_groups(session, {group: (world.groups[group], at) for group, at in world.changed_groups.items()})
    return persons, merges


async def _execute(session: AsyncSession, statement: TextClause, **rows: Any) -> Any:
    own = {"workspace": context_of(session).workspace, "now": clock_of(session).now()}
    named = statement.compile().params
    return await session.execute(statement, {name: value for name, value in (own | rows).items() if name in named})


async def _write_persons(session: AsyncSession, persons: Sequence[Person]) -> None:
    if not persons:
        return
    await _execute(
        session,
        _PERSONS,
        ids=[person.id for person in persons],
        users=[person.user_id for person in persons],
        seen=[person.first_seen_at for person in persons],
        identified=[person.is_identified for person in persons],
        versions=[person.version for person in persons],
        **_documents(person.traits for person in persons),
    )


def _documents(traits: Iterable[Traits]) -> dict[str, list[str]]:
    written = [(orjson.dumps(each.values).decode(), orjson.dumps(each.stamps).decode()) for each in traits]
    return {"traits": [values for values, _ in written], "stamps": [stamps for _, stamps in written]}


async def _write_merges(session: AsyncSession, merged: Mapping[UUID, tuple[UUID, Heard]]) -> list[Merge]:
    if not merged:
        return []
    moved: dict[str, Any] = {"gone": list(merged), "living": [living for living, _ in merged.values()]}
    await _execute(session, _MOVE_ALIASES, **moved)
    await _execute(session, _MOVE_MEMBERS, **moved)
    again = await _execute(session, _MOVE_MERGES, **moved)
    times, actors = [heard.time for _, heard in merged.values()], [heard.actor for _, heard in merged.values()]
    await _execute(session, _MERGES, **moved, times=times, actors=actors)
    await _execute(session, _GONE, **moved)
    return [Merge(*row) for row in again] + [Merge(gone, living, 1) for gone, (living, _) in merged.items()]


async def _write_aliases(session: AsyncSession, world: World) -> None:
    ids = sorted(world.changed_ids)
    if not ids:
        return
    aliases = [world.aliases[id] for id in ids]
    await _execute(
        session,
        _ALIASES,
        ids=ids,
        persons=[world.living(alias.person_id) for alias in aliases],
        identified=[alias.is_identified for alias in aliases],
        claimed=[alias.is_claimed for alias in aliases],
    )


async def _write_members(session: AsyncSession, members: Mapping[tuple[UUID, str, str], datetime]) -> None:
    if not members:
        return
    persons, types, keys = (list(each) for each in zip(*members, strict=True))
    await _execute(session, _MEMBERS, persons=persons, types=types, keys=keys, times=list(members.values()))


async def _write_groups(session: AsyncSession, groups: Mapping[tuple[str, str], tuple[Traits, datetime]]) -> None:
    if not groups:
        return
    types, keys = (list(each) for each in zip(*groups, strict=True))
    documents = _documents(traits for traits, _ in groups.values())
    await _execute(session, _GROUPS, types=types, keys=keys, seen=[at for _, at in groups.values()], **documents)


async def bury(session: AsyncSession, digests: Sequence[bytes]) -> None:
    """Keep the digests of ids that must not come back."""
    await _execute(session, _ERASED, digests=sorted(digests))
