"""What is read of persons, and the order in which those who change them wait for each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    LargeBinary,
    Row,
    Select,
    Text,
    Uuid,
    any_,
    func,
    literal,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_metrics.people import rules
from opsloop_metrics.people.models import ErasedPerson, GroupProfile, Person, PersonAlias, PersonGroup, PersonMerge

NEWEST_FIRST = (Person.first_seen_at.desc(), Person.id.desc())
BY_ID = (PersonAlias.distinct_id.asc(),)
LATEST_FIRST = (PersonMerge.at.desc(), PersonMerge.from_id.desc())
SHOWN_IDS = 100
SHOWN_GROUPS = 20

# Two locks of a workspace, always in this order. `erased`: whoever takes messages in shares it, so that an erasure waits for
# what is under way and nothing comes after it. `person`: who changes persons does so alone; blocks that change nobody need it not.
_SHARE = text("SELECT pg_advisory_xact_lock_shared(hashtext('erased_person'), hashtext(:workspace))")
_ERASE = text("SELECT pg_advisory_xact_lock(hashtext('erased_person'), hashtext(:workspace))")
_CHANGE = text("SELECT pg_advisory_xact_lock(hashtext('person'), hashtext(:workspace))")


async def share_intake(session: AsyncSession) -> None:
    """Keep erasures waiting until the transaction ends."""
    await session.execute(_SHARE, {"workspace": context_of(session).workspace})


async def lock_persons(session: AsyncSession) -> None:
    """Be the one who changes persons of the workspace until the transaction ends; what is read from here on is how it is."""
    await session.execute(_CHANGE, {"workspace": context_of(session).workspace})


async def lock_intake(session: AsyncSession) -> None:
    """Wait for all who take messages in, and keep them waiting until the transaction ends."""
    await session.execute(_ERASE, {"workspace": context_of(session).workspace})
    await lock_persons(session)


def _own(session: AsyncSession, column: Any) -> ColumnElement[bool]:
    # by name as well: row-level security alone does not always let the planner use the index
    return column == context_of(session).workspace  # type: ignore[no-any-return]


async def has_any(session: AsyncSession) -> bool:
    """Say whether the workspace has a person."""
    found = await session.scalars(select(Person.id).where(_own(session, Person.workspace)).limit(1))
    return found.one_or_none() is not None


async def known(
    session: AsyncSession, ids: Sequence[str], *, with_traits: bool
) -> tuple[dict[str, rules.Alias], list[rules.Person]]:
    """Return whose each known id is, and those persons; without traits where only who they are is asked."""
    columns: list[Any] = [
        PersonAlias.distinct_id,
        PersonAlias.is_identified,
        PersonAlias.is_claimed,
        Person.id,
        Person.user_id,
        Person.first_seen_at,
        Person.is_identified,
        *((Person.traits, Person.set_at) if with_traits else ()),
        Person.version,
    ]
    query = (
        select(*columns)
        .join(Person, Person.id == PersonAlias.person_id)
        .where(_own(session, PersonAlias.workspace), PersonAlias.distinct_id == any_(literal(ids, ARRAY(Text))))
    )
    aliases: dict[str, rules.Alias] = {}
    persons: dict[UUID, rules.Person] = {}
    for distinct_id, is_user, is_claimed, id, *known, version in await session.execute(query):
        aliases[distinct_id] = rules.Alias(id, is_user, is_claimed)
        if id not in persons:
            user_id, first_seen_at, is_identified, *traits = known
            persons[id] = rules.Person(id, user_id, first_seen_at, is_identified, _traits(*traits), version)
    return aliases, list(persons.values())


def _traits(values: dict[str, Any] | None = None, stamps: Mapping[str, Sequence[Any]] | None = None) -> rules.Traits:
    return rules.Traits(values or {}, {name: (at, how) for name, (at, how) in (stamps or {}).items()})


async def erased(session: AsyncSession, digests: Sequence[bytes]) -> set[bytes]:
    """Return which digests are of ids that were erased."""
    query = select(ErasedPerson.digest).where(
        _own(session, ErasedPerson.workspace), ErasedPerson.digest == any_(literal(digests, ARRAY(LargeBinary)))
    )
    return set(await session.scalars(query))


async def known_groups(session: AsyncSession, groups: Sequence[tuple[str, str]]) -> dict[tuple[str, str], rules.Traits]:
    """Return what is known of groups (type, key)."""
    query = select(GroupProfile).where(
        _own(session, GroupProfile.workspace), tuple_(GroupProfile.type, GroupProfile.key).in_(groups)
    )
    return {(group.type, group.key): _traits(group.traits, group.set_at) for group in await session.scalars(query)}


def _is_named(session: AsyncSession, user_id: str) -> ColumnElement[bool]:
    alias = select(PersonAlias.person_id).where(
        _own(session, PersonAlias.workspace), PersonAlias.distinct_id == user_id
    )
    return Person.id == alias.scalar_subquery()


async def get_user(session: AsyncSession, user_id: str) -> Person:
    """Return the person whom any of its ids names; raises NotFound."""
    return await resources.get(session, Person, _is_named(session, user_id))


async def lock_user(session: AsyncSession, user_id: str, expected: Precondition) -> Person:
    """Lock and return the person whom an id names in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Person, _is_named(session, user_id), expected=expected)


async def lock_users(session: AsyncSession, user_ids: Sequence[str]) -> list[Person]:
    """Lock and return those whom some of the ids name."""
    named = select(PersonAlias.person_id).where(
        _own(session, PersonAlias.workspace), PersonAlias.distinct_id == any_(literal(user_ids, ARRAY(Text)))
    )
    return await resources.lock_all(session, Person, Person.id.in_(named))


def users(
    session: AsyncSession,
    *,
    is_identified: bool | None = None,
    seen_from: datetime | None = None,
    seen_to: datetime | None = None,
) -> Select[Person]:
    """Return the statement for the workspace's persons first seen in `[seen_from, seen_to)`, to be paged by `NEWEST_FIRST`."""
    query = select(Person).where(_own(session, Person.workspace))
    if is_identified is not None:
        query = query.where(Person.is_identified.is_(is_identified))
    if seen_from is not None:
        query = query.where(Person.first_seen_at >= seen_from)
    return query if seen_to is None else query.where(Person.first_seen_at < seen_to)


def ids_of(person: Person) -> Select[PersonAlias]:
    """Return the statement for a person's ids, to be paged by `BY_ID`."""
    return select(PersonAlias).where(PersonAlias.person_id == person.id)


def merges_of(person: Person) -> Select[PersonMerge]:
    """Return the statement for those who were found to be a person, to be paged by `LATEST_FIRST`."""
    return select(PersonMerge).where(PersonMerge.into_id == person.id)


async def some_ids(session: AsyncSession, person: Person) -> Sequence[PersonAlias]:
    """Return the first ids of a person."""
    return (await session.scalars(ids_of(person).order_by(*BY_ID).limit(SHOWN_IDS))).all()


async def some_groups(
    session: AsyncSession, person: Person
) -> Sequence[Row[str, str, datetime, dict[str, Any] | None]]:
    """Return (type, key, since, traits) of the groups in which a person is, those it came to last first."""
    is_of = (GroupProfile.workspace == PersonGroup.workspace, GroupProfile.type == PersonGroup.type)
    query = (
        select(PersonGroup.type, PersonGroup.key, PersonGroup.since, GroupProfile.traits)
        .outerjoin(GroupProfile, (is_of[0]) & (is_of[1]) & (GroupProfile.key == PersonGroup.key))
        .where(PersonGroup.person_id == person.id)
        .order_by(PersonGroup.since.desc(), PersonGroup.type, PersonGroup.key)
        .limit(SHOWN_GROUPS)
    )
    return (await session.execute(query)).all()


async def all_ids(session: AsyncSession, person: Person) -> Sequence[str]:
    """Return all ids of a person."""
    return (await session.scalars(select(PersonAlias.distinct_id).where(PersonAlias.person_id == person.id))).all()


async def all_merged(session: AsyncSession, person: Person) -> Sequence[UUID]:
    """Return all who were found to be a person."""
    return (await session.scalars(select(PersonMerge.from_id).where(PersonMerge.into_id == person.id))).all()


async def count_all(session: AsyncSession) -> int:
    """Return how many persons the workspace has."""
    return await session.scalar(select(func.count()).where(_own(session, Person.workspace))) or 0


async def merged_into(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return who was found to be one of some persons, and whom."""
    query = select(PersonMerge.from_id, PersonMerge.into_id).where(
        _own(session, PersonMerge.workspace), PersonMerge.into_id == any_(literal(list(ids), ARRAY(Uuid)))
    )
    return dict((await session.execute(query)).all())


async def called(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what those of some persons who are there are called by."""
    theirs = _own(session, Person.workspace), Person.id == any_(literal(list(ids), ARRAY(Uuid)))
    return dict((await session.execute(select(Person.id, Person.user_id).where(*theirs))).all())
