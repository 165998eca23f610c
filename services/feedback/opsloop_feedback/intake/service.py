"""Use cases of intake: take in what users say, and work on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import JSON, Table, Text, bindparam, column, func, insert, select
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
from opsloop_common.db import clock_of, context_of, count_after_commit, meters_of
from opsloop_common.documents import included, write_document
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing, touch
from opsloop_common.turns import breathing, in_turns
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.intake import queries, rules
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.intake.models import Feedback
from opsloop_feedback.intake.queries import NaturalKey
from opsloop_feedback.states import rules as states
from opsloop_feedback.states.rules import Status
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission

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
PORTION_ROWS = 100
PORTION_CHARACTERS = 200_000


async def submit(session: AsyncSession, said: Submission) -> tuple[Feedback, bool]:
    """Take in one post; returns it and whether it is new. A known (source, channel, external_id) gives its item.

    Raises Invalid (422) for a time to come.
    """
    now = clock_of(session).now()
    submissions.require_said(said, now)
    key = _key(said) or 0
    row = rules.new_row(said, id=uuid7(), workspace=context_of(session).workspace, now=now)
    [(feedback_id, created)] = await submit_many(session, Prepared([key], {key: row}, {}))
    return await queries.get_feedback(session, feedback_id), created


@dataclass(frozen=True)
class Prepared:
    """Posts that only have to be taken in: the key of each in the order given, the rows of new keys, the ids of known ones."""

    keys: Sequence[object]
    rows: dict[object, dict[str, Any]]
    known: Mapping[NaturalKey, UUID]


async def known_among(session: AsyncSession, said: Iterable[Submission]) -> dict[NaturalKey, UUID]:
    """Return the ids of the posts that are there already."""
    return await queries.ids_by_natural_keys(session, {key for key in map(_key, said) if key is not None})


async def prepare(
    said: Sequence[Submission], known: Mapping[NaturalKey, UUID], *, workspace: str, now: datetime
) -> Prepared:
    """Sort many posts, but the known ones, in turns: before the transaction begins, so that none is held open meanwhile.

    Of two with one (source, channel, external_id) the first counts.
    """
    keys: list[object] = [_key(post) or index for index, post in enumerate(said)]
    fresh = {key: post for key, post in reversed(list(zip(keys, said, strict=True))) if key not in known}
    new = [key for key in dict.fromkeys(keys) if key in fresh]
    made = await in_turns(lambda key: rules.new_row(fresh[key], id=uuid7(), workspace=workspace, now=now), new)
    return Prepared(keys, dict(zip(new, made, strict=True)), known)


async def submit_many(session: AsyncSession, prepared: Prepared) -> list[tuple[UUID, bool]]:
    """Take in many posts in one transaction; returns the id of each, and whether it is new, in the order given."""
    keys, rows = prepared.keys, prepared.rows
    if rows:
        for row, number in zip(rows.values(), await queries.next_numbers(session, len(rows)), strict=True):
            row["number"] = number
    taken_in = await _insert(session, rows)
    missed = {key for key in rows if isinstance(key, tuple) and key not in taken_in}
    known = {**prepared.known, **(await queries.ids_by_natural_keys(session, missed))}

    def tell(key: object) -> None:
        outbox.append(session, rules.received(rows[key], rows[key]["number"]))
        count_after_commit(session, partial(meters_of(session, IntakeMeter).count, rows[key]))

    await breathing(tell, (key for key in rows if key in taken_in))
    first = {key: index for index, key in reversed(list(enumerate(keys)))}
    return [
        (
            rows[key]["id"] if key in taken_in else known[cast(NaturalKey, key)],
            key in taken_in and first[key] == index,
        )
        for index, key in enumerate(keys)
    ]


def _key(said: Submission) -> NaturalKey | None:
    return None if said.external_id is None else (said.source, said.channel, said.external_id)


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


async def get_known(session: AsyncSession, said: Submission) -> Feedback:
    """Return what is known under the natural key of a post that has one; raises Unavailable (503) when it has just gone."""
    found = await queries.by_natural_keys(session, [(said.source, said.channel, str(said.external_id))])
    if not found:
        raise Unavailable("This external_id has just been removed; try again.", headers={"Retry-After": "1"})
    return next(iter(found.values()))


async def require_feedback(session: AsyncSession, feedback_id: UUID) -> None:
    """Raise NotFound unless there is such a feedback in this workspace."""
    await queries.get_feedback(session, feedback_id)


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
