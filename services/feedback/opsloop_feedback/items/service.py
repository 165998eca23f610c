"""Use cases of items: what comes in is added, found, and worked on. Nobody else writes `feedback`, but the fast path of one post."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import JSON, Table, Text, bindparam, column, func, insert, select, text
from sqlalchemy import cast as cast_sql
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.feedback import (
    Author,
    FeedbackAssigned,
    FeedbackClassified,
    FeedbackReopened,
    FeedbackResolved,
)
from opsloop_common.contracts.feedback.erasures import POSTS_PER_EVENT
from opsloop_common.db import clock_of, context_of
from opsloop_common.documents import included, write_document
from opsloop_common.resources import changing, touch
from opsloop_common.turns import breathing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.items import queries, rules
from opsloop_feedback.items.models import Feedback as Feedback
from opsloop_feedback.items.queries import SaidPost as SaidPost
from opsloop_feedback.items.queries import SortedPost as SortedPost
from opsloop_feedback.items.rules import NaturalKey
from opsloop_feedback.states import rules as states
from opsloop_feedback.states.rules import Status

_TABLE = cast(Table, Feedback.__table__)
_NAMES = [column.name for column in _TABLE.c]
# one parameter: to bind 28 for each of 1,000 rows took the loop half a second
_ROWS = select(
    func.json_to_recordset(cast_sql(bindparam("rows", type_=Text), JSON))
    .table_valued(*(column(each.name, each.type) for each in _TABLE.c))
    .render_derived(with_types=True)
)
_INSERT = insert(_TABLE).from_select(_NAMES, _ROWS)
_INSERT_UNKNOWN = (
    upsert(_TABLE)
    .from_select(_NAMES, _ROWS)
    .on_conflict_do_nothing(
        index_elements=["workspace", "source", "channel", "external_id"],
        index_where=_TABLE.c.external_id.is_not(None),
    )
    .returning(_TABLE.c.id)
)
# how it was sorted and what became of it stays: numbers of earlier days stay true, and nobody is in them. So does the partner's own
# id of it, by which it is known when it is sent again
_ERASE = text(
    "UPDATE feedback SET author_user_id = NULL, author_email = NULL, author_name = NULL, body = '', title = NULL, "
    "search_text = '', attributes = '{}', triage = jsonb_set(triage, '{reasons}', '[]'), version = version + 1, updated_at = :now "
    "WHERE id = ANY(ARRAY(SELECT id FROM feedback WHERE workspace = :workspace "
    "AND author_user_id = ANY(CAST(:user_ids AS text[])) ORDER BY id LIMIT :limit FOR UPDATE)) RETURNING id"
)
ERASED_AT_ONCE = POSTS_PER_EVENT
PORTION_ROWS = 100
PORTION_CHARACTERS = 200_000


async def add(session: AsyncSession, rows: Mapping[object, dict[str, Any]]) -> set[object]:
    """Number new rows and add them, but those whose natural key is known; returns the keys of what was added.

    A row's key is its natural key, or anything else where it has none.
    """
    if not rows:
        return set()
    for row, number in zip(rows.values(), await queries.next_numbers(session, len(rows)), strict=True):
        row["number"] = number
    return await _insert(session, rows)


async def known_ids(session: AsyncSession, keys: Collection[NaturalKey]) -> dict[NaturalKey, UUID]:
    """Return the id of what is known under each natural key."""
    return await queries.ids_by_natural_keys(session, keys)


async def find_known(session: AsyncSession, key: NaturalKey) -> Feedback | None:
    """Return the feedback that is known under a natural key, or None."""
    return await queries.find_by_natural_key(session, key)


async def _insert(session: AsyncSession, rows: Mapping[object, dict[str, Any]]) -> set[object]:
    """Insert what is not known yet; returns the keys of what was inserted.

    Rows with a natural key go in its order: two batches that share keys would otherwise wait for each other.
    """
    named = sorted((key for key in rows if isinstance(key, tuple)), key=str)
    plain = [key for key in rows if not isinstance(key, tuple)]
    for portion in _portions(rows[key] for key in plain):
        await session.execute(_INSERT, {"rows": await _written(portion)})
    inserted: set[UUID] = set()
    for portion in _portions(rows[key] for key in named):
        inserted.update(await session.scalars(_INSERT_UNKNOWN, {"rows": await _written(portion)}))
    return {*plain, *(key for key in named if rows[key]["id"] in inserted)}


async def _written(portion: Sequence[Mapping[str, Any]]) -> str:
    return write_document(await breathing(lambda row: included(write_document(row)), portion))


def _portions(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    portion: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        portion.append(row)
        size += len(row["body"])
        if size > PORTION_CHARACTERS or len(portion) == PORTION_ROWS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


async def sorted_posts(session: AsyncSession, ids: Collection[UUID]) -> list[SortedPost]:
    """Return what some posts say, with what triage made of them."""
    return await queries.sorted_posts(session, ids)


async def newest_said(session: AsyncSession, *, limit: int) -> list[SaidPost]:
    """Return the newest posts as they were said."""
    return await queries.newest_said(session, limit=limit)


async def worked_on(session: AsyncSession, *, limit: int) -> list[SortedPost]:
    """Return posts that somebody worked on, among the newest ones."""
    return await queries.worked_on(session, limit=limit)


async def get_feedback(session: AsyncSession, feedback_id: UUID) -> Feedback:
    """Return one feedback; raises NotFound."""
    return await queries.get_feedback(session, feedback_id)


async def lock_feedback(session: AsyncSession, feedback_id: UUID) -> Feedback:
    """Return one feedback, held for a change until the transaction ends; raises NotFound."""
    return await queries.lock_feedback(session, feedback_id, ANY_VERSION)


async def change_feedback(
    session: AsyncSession, feedback_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Feedback:
    """Change fields of a feedback, and tell of it; raises IllegalTransition (409). What is so already changes nothing."""
    feedback = await queries.lock_feedback(session, feedback_id, expected)
    with changing(session, feedback, changes) as before:
        if "status" in before:
            states.require_transition(Status(before["status"]), Status(feedback.status))
        _tell_classification(session, feedback, before)
        if not before.keys().isdisjoint(rules.ASSIGNMENT):
            outbox.append(session, _assigned(feedback))
        if "status" in before:
            _tell_status(session, feedback, Status(before["status"]))
    return feedback


def _assigned(feedback: Feedback) -> FeedbackAssigned:
    return FeedbackAssigned(
        feedback_id=feedback.id, number=feedback.number, assignee=feedback.assignee, team=feedback.team
    )


def _tell_classification(session: AsyncSession, feedback: Feedback, before: Mapping[str, Any]) -> None:
    changed = [name for name in rules.CLASSIFICATION if name in before]
    if changed:
        outbox.append(
            session,
            FeedbackClassified.model_validate(
                {name: getattr(feedback, name) for name in rules.CLASSIFICATION}
                | {"feedback_id": feedback.id, "number": feedback.number, "changed": changed}
            ),
        )


def _tell_status(session: AsyncSession, feedback: Feedback, before: Status) -> None:
    author, now = author_of(feedback), clock_of(session).now()
    if feedback.status == Status.RESOLVED:
        feedback.resolved_at = now
        outbox.append(
            session,
            FeedbackResolved(
                feedback_id=feedback.id,
                number=feedback.number,
                resolution_seconds=_seconds_since_receipt(feedback, now),
                author=author,
            ),
        )
    elif before in states.FINISHED and feedback.status not in states.FINISHED:
        feedback.resolved_at = None
        outbox.append(session, FeedbackReopened(feedback_id=feedback.id, number=feedback.number, author=author))


def author_of(feedback: Feedback) -> Author:
    """Return the author as other services may know them."""
    return Author(user_id=feedback.author_user_id, verified=feedback.author_verified)


def mark_replied(session: AsyncSession, feedback: Feedback) -> float | None:
    """Note that a reply went to the author of a locked feedback; returns the seconds since receipt on the first one."""
    status = states.after_reply(Status(feedback.status))
    if feedback.first_replied_at is not None and status == feedback.status:
        return None
    is_first = feedback.first_replied_at is None
    feedback.status = status.value
    touch(session, feedback)
    if not is_first:
        return None
    feedback.first_replied_at = feedback.updated_at
    return _seconds_since_receipt(feedback, feedback.updated_at)


def _seconds_since_receipt(feedback: Feedback, at: datetime) -> float:
    # clocks of replicas differ: never less than nothing
    return max(0.0, (at - feedback.created_at).total_seconds())


async def erase_authors(session: AsyncSession, user_ids: Sequence[str]) -> Sequence[UUID]:
    """Take people and their words out of some of their posts; returns which posts, none when there are no more."""
    given = {"workspace": context_of(session).workspace, "user_ids": list(user_ids), "now": clock_of(session).now()}
    return (await session.scalars(_ERASE, given | {"limit": ERASED_AT_ONCE})).all()
