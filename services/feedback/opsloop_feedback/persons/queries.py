"""Everything that reads people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, any_, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_feedback.persons import rules
from opsloop_feedback.persons.models import Person, PersonIdentity, PersonSuggestion

NEWEST_FIRST = (Person.created_at.desc(), Person.id.desc())
SUGGESTED_LAST = (PersonSuggestion.created_at.desc(), PersonSuggestion.id.desc())
SHOWN = 200
"""Ways by which somebody came in that are shown, the first first."""


@dataclass(frozen=True)
class Whom:
    """What a list of people is narrowed to; all must hold."""

    user_id: str | None = None
    email: str | None = None


def people(workspace: str, whom: Whom) -> Select[Person]:
    """Return the query of those who stand for themselves, also found by those whom they stand for."""
    stand = select(Person).where(Person.workspace == workspace, Person.merged_into_id.is_(None))
    root = func.coalesce(Person.merged_into_id, Person.id)
    own = Person.workspace == workspace
    if whom.user_id is not None:
        known_by = rules.called_by(whom.user_id, "")
        stand = stand.where(_among(select(root).where(own, Person.known_by == known_by)))
    if whom.email is not None:
        wanted = (PersonIdentity.workspace == workspace, PersonIdentity.email == whom.email.lower())
        found = select(root).join(PersonIdentity, PersonIdentity.person_id == Person.id).where(own, *wanted)
        stand = stand.where(_among(found))
    return stand


def suggestions(workspace: str) -> Select[PersonSuggestion]:
    """Return the query of pairs that nobody dismissed and that are not one already."""
    one, other = aliased(Person), aliased(Person)
    return (
        select(PersonSuggestion)
        .join(one, one.id == PersonSuggestion.person_id)
        .join(other, other.id == PersonSuggestion.other_id)
        .where(
            PersonSuggestion.workspace == workspace,
            PersonSuggestion.dismissed_at.is_(None),
            func.coalesce(one.merged_into_id, one.id) != func.coalesce(other.merged_into_id, other.id),
        )
    )


async def get_person(session: AsyncSession, person_id: UUID) -> Person:
    """Return somebody; raises NotFound."""
    return await resources.get(session, Person, Person.id == person_id)


async def lock_several(session: AsyncSession, person_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Lock and return some people by their ids, in the order of these."""
    found = await resources.lock_all(session, Person, Person.id.in_(person_ids))
    return {one.id: one for one in found}


async def lock_group(session: AsyncSession, root_ids: Collection[UUID]) -> list[Person]:
    """Lock and return those for whom some people stand."""
    return await resources.lock_all(session, Person, Person.merged_into_id.in_(root_ids))


async def members_of(session: AsyncSession, person_id: UUID) -> Sequence[Person]:
    """Return those for whom somebody stands."""
    own = Person.workspace == context_of(session).workspace
    found = select(Person).where(own, Person.merged_into_id == person_id).order_by(*NEWEST_FIRST)
    return (await session.scalars(found.limit(rules.GROUP))).all()


async def identities_of(session: AsyncSession, person_id: UUID) -> Sequence[tuple[Person, PersonIdentity]]:
    """Return by which ways somebody, and those for whom they stand, came in."""
    own = Person.workspace == context_of(session).workspace
    found = select(Person, PersonIdentity).join(PersonIdentity, PersonIdentity.person_id == Person.id)
    order = (
        PersonIdentity.since,
        PersonIdentity.person_id,
        PersonIdentity.source,
        PersonIdentity.channel,
        PersonIdentity.email,
    )
    rows = await session.execute(found.where(own, _of([person_id])).order_by(*order).limit(SHOWN))
    return [(person, identity) for person, identity in rows]


async def authors_of(session: AsyncSession, person_ids: Collection[UUID]) -> list[tuple[str, bool]]:
    """Return by what some people, and those for whom they stand, are known, and whether it is vouched for."""
    own = (Person.workspace == context_of(session).workspace, Person.known_by.is_not(None))
    rows = await session.execute(select(Person.known_by, Person.is_verified).where(*own, _of(person_ids)))
    return sorted((str(known_by), is_verified) for known_by, is_verified in rows)


async def known_among(session: AsyncSession, found: Collection[rules.Appearance]) -> dict[rules.Appearance, UUID]:
    """Return which of some appearances are there already, and whose they are."""
    own = (Person.workspace == context_of(session).workspace,)
    names = literal(sorted({each.known_by for each in found}), ARRAY(Text))
    identity = (PersonIdentity.source, PersonIdentity.channel, PersonIdentity.email)
    rows = await session.execute(
        select(Person.id, Person.known_by, Person.is_verified, *identity)
        .join(PersonIdentity, PersonIdentity.person_id == Person.id)
        .where(
            *own, Person.known_by == any_(names), tuple_(*identity).in_({(e.source, e.channel, e.email) for e in found})
        )
    )
    return {
        rules.Appearance(str(row.known_by), row.is_verified, row.source, row.channel, row.email): row.id for row in rows
    }


async def get_suggestion(session: AsyncSession, suggestion_id: UUID) -> PersonSuggestion | None:
    """Return a suggestion, locked, or None."""
    own = PersonSuggestion.workspace == context_of(session).workspace
    return await session.scalar(
        select(PersonSuggestion).where(own, PersonSuggestion.id == suggestion_id).with_for_update()
    )


async def people_named(session: AsyncSession, person_ids: Collection[UUID]) -> dict[UUID, Person]:
    """Return some people by their ids."""
    own = Person.workspace == context_of(session).workspace
    return {one.id: one for one in await session.scalars(select(Person).where(own, Person.id.in_(person_ids)))}


def _of(person_ids: Collection[UUID]) -> ColumnElement[bool]:
    return or_(Person.id.in_(person_ids), Person.merged_into_id.in_(person_ids))


def _among(found: Select[UUID]) -> ColumnElement[bool]:
    """Return whether somebody is found: as an array, so that the few are looked up by their ids instead of everybody being read."""
    return Person.id == any_(func.array(found.scalar_subquery()))
