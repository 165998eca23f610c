"""Everything of items that says SELECT."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opsloop_common import resources
from opsloop_common.columns import Moment, comparable_column
from opsloop_common.db import context_of
from opsloop_common.invisible import comparable
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.cluster_members import service as cluster_members
from opsloop_feedback.filters.rules import ByAuthors, Filters, Sort
from opsloop_feedback.items.models import DUE, NUMBER, UNFINISHED, Feedback
from opsloop_feedback.items.rules import NaturalKey, Said
from opsloop_feedback.states.rules import Status
from opsloop_feedback.triage.rules import READ_CHARACTERS, searchable

IN_HAND = text(UNFINISHED)
FIRST_VERSION = 1
NEWEST_FIRST = (Feedback.created_at.desc(), Feedback.number.desc())

_LISTED: tuple[InstrumentedAttribute[Any], ...] = (
    Feedback.status,
    Feedback.kind,
    Feedback.channel,
    Feedback.severity,
    Feedback.source,
    Feedback.assignee,
)
"""Columns that a filter of the same name gives values of."""
_LABELS = (Feedback.area, Feedback.team)
"""The same for words of people, in which what nobody sees makes no difference."""

_AUTHOR = func.coalesce(
    literal("u:") + Feedback.author_user_id,
    literal("m:") + func.lower(Feedback.author_email),
    literal("f:") + cast(Feedback.id, Text),
)


@dataclass(frozen=True)
class SortedPost:
    """What somebody said, and what triage made of it when it came in."""

    id: UUID
    title: str | None
    body: str
    rating: int | None
    triage: Mapping[str, Any]


_SORTED = (Feedback.id, Feedback.title, Feedback.body, Feedback.rating, Feedback.triage)


async def sorted_posts(session: AsyncSession, ids: Collection[UUID]) -> list[SortedPost]:
    """Return what some posts say, with what triage made of them; what is gone is left out."""
    own = Feedback.workspace == context_of(session).workspace
    rows = await session.execute(select(*_SORTED).where(own, Feedback.id.in_(ids)).order_by(Feedback.number))
    return [SortedPost(*row) for row in rows]


@dataclass(frozen=True)
class SaidPost:
    """A post as it was said, as far as that is kept: `said` has the fields of a submission."""

    id: UUID
    number: int
    said: Mapping[str, Any]


_SAID = ("title", "rating", "channel", "source", "locale", "attributes", "tags", "author_user_id")


async def newest_said(session: AsyncSession, *, limit: int) -> list[SaidPost]:
    """Return the newest posts as they were said, of each text what triage reads."""
    own = Feedback.workspace == context_of(session).workspace
    columns = [getattr(Feedback, name) for name in _SAID]
    body = func.left(Feedback.body, READ_CHARACTERS).label("body")
    query = select(Feedback.id, Feedback.number, body, Feedback.triage, *columns).where(own)
    rows = await session.execute(query.order_by(*NEWEST_FIRST).limit(limit))
    return [
        SaidPost(
            row.id,
            row.number,
            {name: getattr(row, name) for name in ("body", *_SAID)} | {"kind": _given_kind(row.triage)},
        )
        for row in rows
    ]


def _given_kind(triage: Mapping[str, Any]) -> str | None:
    by_sender = any(why["field"] == "kind" and why["rule"] == "submitter" for why in triage["reasons"])
    return str(triage["kind"]) if by_sender else None


async def worked_on(session: AsyncSession, *, limit: int) -> list[SortedPost]:
    """Return posts that somebody worked on, among the newest ones."""
    own = Feedback.workspace == context_of(session).workspace
    newest = select(Feedback.id).where(own).order_by(*NEWEST_FIRST).limit(5 * limit).subquery()
    query = select(*_SORTED).where(own, Feedback.id.in_(select(newest.c.id)), Feedback.status != Status.NEW)
    return [SortedPost(*row) for row in await session.execute(query.order_by(*NEWEST_FIRST).limit(limit))]


def matching(filters: Filters) -> Select[Feedback]:
    """Select the feedback that fulfils all filters; `created_to` and `due_before` are not included."""
    return select(Feedback).where(*conditions(filters))


_SORTED_BY: dict[str, ColumnElement[Any] | InstrumentedAttribute[Any]] = {
    "created": Feedback.created_at,
    "updated": Feedback.updated_at,
    "due": literal_column(DUE, Moment),
    "severity": Feedback.severity,
    "affected": Feedback.affected_users,
}


ORDERS = {
    sort: tuple(
        column.desc() if sort.is_descending else column.asc() for column in (_SORTED_BY[sort.key], Feedback.number)
    )
    for sort in Sort
}
"""Each total, of what is never null, and that of an index in either direction."""


def conditions(filters: Filters) -> Iterable[ColumnElement[bool]]:
    """Return what holds of the feedback that fulfils all filters."""
    yield from found_by(filters)
    for column in _LISTED:
        if values := getattr(filters, column.key):
            yield column.in_(values)
    if filters.cluster:
        yield Feedback.id.in_(cluster_members.posts_of(list(map(UUID, filters.cluster))))
    for label in _LABELS:
        if values := getattr(filters, label.key):
            yield comparable_column(label).in_(map(comparable, values))
    if filters.tag:
        tag = func.unnest(Feedback.tags).column_valued("tag")
        yield select(tag).where(comparable_column(tag).in_(map(comparable, filters.tag))).exists()
    if filters.due_before is not None:
        yield Feedback.due_at < filters.due_before
    if filters.updated_from is not None:
        yield Feedback.updated_at >= filters.updated_from
    for term in searchable(filters.text or "").split():
        yield Feedback.search_text.contains(term, autoescape=True)


def found_by(filters: Filters) -> Iterable[ColumnElement[bool]]:
    """Return those of the conditions that an index answers: what they leave out is not looked at."""
    if filters.number:
        yield Feedback.number.in_(filters.number)
    if filters.external_id:
        yield Feedback.external_id.in_(filters.external_id)
    if filters.author:
        addresses = [author.lower() for author in filters.author]
        yield or_(Feedback.author_user_id.in_(filters.author), func.lower(Feedback.author_email).in_(addresses))
    if isinstance(filters, ByAuthors):
        mail = tuple_(func.lower(Feedback.author_email), Feedback.author_verified).in_(filters.emails)
        named = tuple_(Feedback.author_user_id, Feedback.author_verified).in_(filters.user_ids)
        yield or_(named, and_(Feedback.author_user_id.is_(None), mail))
    if filters.created_from is not None:
        yield Feedback.created_at >= filters.created_from
    if filters.created_to is not None:
        yield Feedback.created_at < filters.created_to


async def get_feedback(session: AsyncSession, feedback_id: UUID, *, source: str | None = None) -> Feedback:
    """Return one feedback, of one source alone where that is given; raises NotFound."""
    named = () if source is None else (Feedback.source == source,)
    return await resources.get(session, Feedback, Feedback.id == feedback_id, *named)


async def numbers_matching(
    session: AsyncSession,
    filters: Filters,
    *,
    ids: Collection[UUID] | None = None,
    after: int = 0,
    upto: int | None = None,
    limit: int,
) -> list[tuple[int, UUID]]:
    """Return number and id of the posts that fulfil the filters, in the order of their numbers, those `after` one and `upto` another.

    `ids`: only among these.
    """
    own = (Feedback.workspace == context_of(session).workspace, Feedback.number > after, *conditions(filters))
    among = () if ids is None else (Feedback.id == any_(literal(list(ids), ARRAY(Uuid))),)
    until = () if upto is None else (Feedback.number <= upto,)
    query = select(Feedback.number, Feedback.id).where(*own, *among, *until)
    return [(number, id) for number, id in await session.execute(query.order_by(Feedback.number).limit(limit))]


async def lock_feedback(session: AsyncSession, feedback_id: UUID, expected: Precondition = ANY_VERSION) -> Feedback:
    """Lock and return one feedback in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Feedback, Feedback.id == feedback_id, expected=expected)


async def find_and_lock(session: AsyncSession, feedback_id: UUID) -> Feedback | None:
    """Lock and return one feedback, None when it is gone."""
    return await resources.find_for_change(session, Feedback, Feedback.id == feedback_id)


async def lock_several(session: AsyncSession, ids: Collection[UUID]) -> list[Feedback]:
    """Lock and return those of some feedback that are there, in the order of their ids."""
    return await resources.lock_all(session, Feedback, Feedback.id == any_(literal(list(ids), ARRAY(Uuid))))


async def loads_of(session: AsyncSession, people: Collection[str]) -> dict[str, int]:
    """Count the feedback that some people have in hand and that is not finished."""
    if not people:
        return {}
    own = (Feedback.workspace == context_of(session).workspace, Feedback.assignee.in_(people), IN_HAND)
    found = await session.execute(select(Feedback.assignee, func.count()).where(*own).group_by(Feedback.assignee))
    return {str(assignee): count for assignee, count in found}


async def find_by_natural_key(session: AsyncSession, key: NaturalKey) -> Feedback | None:
    """Return what is known under (source, channel, external_id), or None."""
    source, channel, external_id = key
    named = (Feedback.source == source, Feedback.channel == channel, Feedback.external_id == external_id)
    return await resources.find(session, Feedback, *named)


async def ids_by_natural_keys(session: AsyncSession, keys: Collection[NaturalKey]) -> dict[NaturalKey, UUID]:
    """Return the id of what is known under each (source, channel, external_id)."""
    if not keys:
        return {}
    # three parameters: to bind three for each of 1,000 keys, and to make 1,000 whole posts, took the loop longer than the rest
    columns = [func.unnest(cast(list(values), ARRAY(Text))) for values in zip(*keys, strict=True)]
    named = tuple_(Feedback.source, Feedback.channel, Feedback.external_id)
    found = await session.execute(
        select(Feedback.id, Feedback.source, Feedback.channel, Feedback.external_id).where(named.in_(select(*columns)))
    )
    return {(source, channel, str(external_id)): id for id, source, channel, external_id in found}


async def next_numbers(session: AsyncSession, count: int) -> list[int]:
    """Take `count` numbers, rising."""
    return list(await session.scalars(select(NUMBER.next_value()).select_from(func.generate_series(1, count))))


async def said_in(session: AsyncSession, feedback_ids: Collection[UUID]) -> list[Said]:
    """Return what some posts say, in the order of their ids; those that are not there are left out."""
    said = (Feedback.id, Feedback.title, Feedback.body, Feedback.area, Feedback.attributes)
    found = await session.execute(select(*said).where(*_among(session, feedback_ids)).order_by(Feedback.id))
    return [Said(*row) for row in found]


async def some_feedback(session: AsyncSession, feedback_ids: Collection[UUID]) -> Sequence[Feedback]:
    """Return some feedback, those that are there."""
    return (await session.scalars(select(Feedback).where(*_among(session, feedback_ids)))).all()


def _among(session: AsyncSession, feedback_ids: Collection[UUID]) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    wanted = literal(list(feedback_ids), ARRAY(Uuid))
    return Feedback.workspace == context_of(session).workspace, Feedback.id == any_(wanted)


async def ids_after(session: AsyncSession, feedback_id: UUID, *, limit: int) -> list[UUID]:
    """Return the ids that follow one, in their order."""
    own = Feedback.workspace == context_of(session).workspace
    return list(
        await session.scalars(
            select(Feedback.id).where(own, Feedback.id > feedback_id).order_by(Feedback.id).limit(limit)
        )
    )


async def first_and_last(session: AsyncSession, *, before: datetime) -> set[UUID]:
    """Return the ids of the first post and of the last before a time; none where there is none."""
    own = (Feedback.workspace == context_of(session).workspace, Feedback.created_at < before)
    ends = [
        select(Feedback.id).where(*own).order_by(*order).limit(1)
        for order in ((Feedback.created_at, Feedback.number), NEWEST_FIRST)
    ]
    return {each for end in ends for each in await session.scalars(end)}


async def lock_some(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, Feedback]:
    """Lock and return some feedback by their ids, in the order of these."""
    found = await resources.lock_all(session, Feedback, *_among(session, feedback_ids)) if feedback_ids else ()
    return {one.id: one for one in found}


async def recent_posts(session: AsyncSession, since: datetime, before: tuple[datetime, int], limit: int) -> list[Any]:
    """Return id, number, time, severity and author of what was said since a time and `before` a place, newest first."""
    place = tuple_(Feedback.created_at, Feedback.number) < tuple_(*map(literal, before))
    said = select(Feedback.id, Feedback.number, Feedback.created_at, Feedback.severity, _AUTHOR).where(place)
    own = (Feedback.workspace == context_of(session).workspace, Feedback.created_at >= since)
    return list(await session.execute(said.where(*own).order_by(*NEWEST_FIRST).limit(limit)))


async def count_members(session: AsyncSession, feedback_ids: Collection[UUID]) -> int:
    """Return how many others some feedback stand for."""
    own, _ = _among(session, feedback_ids)
    into = Feedback.merged_into_id == any_(literal(list(feedback_ids), ARRAY(Uuid)))
    return await session.scalar(select(func.count()).select_from(Feedback).where(own, into)) or 0


async def count_authors(session: AsyncSession, feedback_id: UUID) -> int:
    """Return how many people said what a feedback stands for; who is unknown counts as one, and so does who voted elsewhere."""
    mine = or_(Feedback.id == feedback_id, Feedback.merged_into_id == feedback_id)
    own = Feedback.workspace == context_of(session).workspace
    counted = func.count(_AUTHOR.distinct()) + func.coalesce(func.sum(Feedback.voters), 0)
    return int(await session.scalar(select(counted).where(own, mine)) or 0)


async def imported_after(session: AsyncSession, import_id: UUID, feedback_id: UUID | None, *, limit: int) -> list[UUID]:
    """Return some of what came with a file, in the order of the ids, past one of them."""
    own = (Feedback.workspace == context_of(session).workspace, Feedback.import_id == import_id)
    past = () if feedback_id is None else (Feedback.id > feedback_id,)
    return list(await session.scalars(select(Feedback.id).where(*own, *past).order_by(Feedback.id).limit(limit)))


async def lock_as_they_came(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Lock some feedback, so that nothing can refer to it any more, and return which of it was never changed."""
    found = select(Feedback.id, Feedback.version).where(*_among(session, feedback_ids)).order_by(Feedback.id)
    return {id for id, version in await session.execute(found.with_for_update()) if version == FIRST_VERSION}


async def those_that_stand(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some feedback stand for others."""
    own, _ = _among(session, feedback_ids)
    into = Feedback.merged_into_id == any_(literal(list(feedback_ids), ARRAY(Uuid)))
    return {id for id in await session.scalars(select(Feedback.merged_into_id).distinct().where(own, into)) if id}
