"""Use cases of items: what comes in is added, found, and worked on. Nobody else writes `feedback`, but the fast path of one post."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Table,
    Text,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy import cast as cast_sql
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox
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
from opsloop_feedback.facts import rules as facts
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.items import queries, rules
from opsloop_feedback.items.counting import count_by as count_by
from opsloop_feedback.items.counting import count_each as count_each
from opsloop_feedback.items.models import Feedback as Feedback
from opsloop_feedback.items.queries import SaidPost as SaidPost
from opsloop_feedback.items.queries import SortedPost as SortedPost
from opsloop_feedback.items.queries import count_members as count_members
from opsloop_feedback.items.queries import find_and_lock as find_and_lock
from opsloop_feedback.items.queries import first_and_last as first_and_last
from opsloop_feedback.items.queries import get_feedback as get_feedback
from opsloop_feedback.items.queries import ids_after as ids_after
from opsloop_feedback.items.queries import imported_after as imported_after
from opsloop_feedback.items.queries import loads_of as loads_of
from opsloop_feedback.items.queries import lock_feedback as lock_feedback
from opsloop_feedback.items.queries import lock_several as lock_several
from opsloop_feedback.items.queries import lock_some as lock_some
from opsloop_feedback.items.queries import newest_said as newest_said
from opsloop_feedback.items.queries import numbers_matching as numbers_matching
from opsloop_feedback.items.queries import recent_posts as recent_posts
from opsloop_feedback.items.queries import said_in as said_in
from opsloop_feedback.items.queries import some_feedback as some_feedback
from opsloop_feedback.items.queries import sorted_posts as sorted_posts
from opsloop_feedback.items.queries import worked_on as worked_on
from opsloop_feedback.items.rules import NaturalKey
from opsloop_feedback.sla_clocks import rules as clock_rules
from opsloop_feedback.sla_clocks import service as clocks
from opsloop_feedback.sla_clocks.rules import Subject, Turn
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
    "search_text = '', attributes = '{}', source_url = NULL, triage = jsonb_set(triage, '{reasons}', '[]'), "
    "version = version + 1, updated_at = :now "
    "WHERE id = ANY(ARRAY(SELECT id FROM feedback WHERE workspace = :workspace "
    "AND (author_user_id = ANY(CAST(:user_ids AS text[])) OR author_user_id IS NULL "
    "AND lower(author_email) = ANY(ARRAY(SELECT lower(e) FROM unnest(CAST(:emails AS text[])) AS e))) "
    "ORDER BY id LIMIT :limit FOR UPDATE)) RETURNING id"
)
ERASED_AT_ONCE = POSTS_PER_EVENT


async def add(session: AsyncSession, rows: Mapping[object, dict[str, Any]]) -> set[object]:
    """Number new rows and add them, but those whose natural key is known; returns the keys of what was added.

    A row's key is its natural key, or anything else where it has none.
    """
    if not rows:
        return set()
    for row, number in zip(rows.values(), await queries.next_numbers(session, len(rows)), strict=True):
        row["number"] = number
    return await _insert(session, rows)


async def take_number(session: AsyncSession) -> int:
    """Take a number for something else than a post: all posts that are there have lower ones."""
    return (await queries.next_numbers(session, 1))[0]


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
    for portion in rules.portions(rows[key] for key in plain):
        await session.execute(_INSERT, {"rows": await _written(portion)})
    inserted: set[UUID] = set()
    for portion in rules.portions(rows[key] for key in named):
        inserted.update(await session.scalars(_INSERT_UNKNOWN, {"rows": await _written(portion)}))
    return {*plain, *(key for key in named if rows[key]["id"] in inserted)}


async def _written(portion: Sequence[Mapping[str, Any]]) -> str:
    return write_document(await breathing(lambda row: included(write_document(row)), portion))


def matching(filters: Filters) -> Select[Feedback]:
    """Select the feedback that fulfils all filters."""
    return queries.matching(filters)


async def merge(session: AsyncSession, sources: Sequence[Feedback], target: Feedback) -> None:
    """Let a locked feedback stand for others that are locked too, and for all that these stand for."""
    merged = {"status": Status.MERGED.value, "merged_into_id": target.id}
    for source in sources:
        with changing(session, source, merged, action="merged"):
            pass
    await _stand_for(session, target, Feedback.merged_into_id.in_([source.id for source in sources]))
    await _count_authors(session, target, *sources)


async def part(
    session: AsyncSession, post: Feedback, root: Feedback, members: Collection[UUID], *, status: str
) -> None:
    """Let a locked feedback stand for itself again, and for some of what another, locked too, stood for."""
    with changing(session, post, {"status": status, "merged_into_id": None}, action="unmerged"):
        pass
    await _stand_for(session, post, Feedback.id.in_(members))
    await _count_authors(session, post, root)


async def _stand_for(session: AsyncSession, root: Feedback, members: ColumnElement[bool]) -> None:
    now = clock_of(session).now()
    await session.execute(
        update(Feedback)
        .where(Feedback.workspace == root.workspace, members, Feedback.status == Status.MERGED)
        .values(merged_into_id=root.id, version=Feedback.version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )


async def _count_authors(session: AsyncSession, *posts: Feedback) -> None:
    await session.flush()  # so that those that moved are counted where they are now
    for post in posts:
        affected = await queries.count_authors(session, post.id)
        if post.affected_users != affected:
            post.affected_users = affected
            touch(session, post)


async def change_feedback(
    session: AsyncSession,
    feedback_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
    require: Callable[[Status, Status], None] = states.require_transition,
) -> Feedback:
    """Change fields of a feedback, and tell of it; raises IllegalTransition (409). What is so already changes nothing.

    `require` raises where a status may not follow another.
    """
    feedback = await queries.lock_feedback(session, feedback_id, expected)
    with changing(session, feedback, changes) as before:
        if "status" in before:
            require(Status(before["status"]), Status(feedback.status))
        _tell_classification(session, feedback, before)
        if not before.keys().isdisjoint(rules.ASSIGNMENT):
            outbox.append(session, _assigned(feedback))
        if "status" in before:
            _tell_status(session, feedback, Status(before["status"]))
        if not before.keys().isdisjoint(rules.FOUND_BY):
            await due.schedule(session, rules.READ_AGAIN, str(feedback.id), clock_of(session).now())
        await _keep_time(session, feedback, before)
    return feedback


async def _keep_time(session: AsyncSession, feedback: Feedback, before: Mapping[str, Any]) -> None:
    is_resorted = not before.keys() <= {"status", "due_at"}
    if "status" not in before and not is_resorted:
        return
    status = Status(feedback.status)
    turn = clock_rules.turn_of(Status(before.get("status", status)), status)
    await keep_clocks(session, feedback, turn=turn, is_resorted=is_resorted)


async def keep_clocks(
    session: AsyncSession,
    feedback: Feedback,
    *,
    turn: Turn = Turn.NONE,
    is_resorted: bool = False,
    at: datetime | None = None,
) -> bool:
    """Have the clocks of a locked feedback go with what it is; returns whether it is due at another time now.

    `turn`: who has just spoken, `at`: when, if not now. Its version is for whoever asks to raise. About what came with a file
    nothing was promised.
    """
    if feedback.import_id is not None:
        return False
    kept = await clocks.keep(session, _subject(session, feedback, spoken_at=at), turn, is_resorted=is_resorted)
    if kept is None or kept.due_at == feedback.due_at:
        return False
    feedback.due_at = kept.due_at
    return True


async def begin_clocks(session: AsyncSession, found: Sequence[Feedback]) -> None:
    """Begin the clocks of locked feedback that came in, and say when each is due."""
    kept = await clocks.begin(session, [_subject(session, feedback) for feedback in found])
    for feedback in found:
        if feedback.id in kept and kept[feedback.id].due_at != feedback.due_at:
            feedback.due_at = kept[feedback.id].due_at
            touch(session, feedback)


def document_of(feedback: Feedback) -> dict[str, Any]:
    """Return what conditions see of a feedback."""
    return facts.document_of({name: getattr(feedback, name) for name in facts.COLUMNS})


def assign(session: AsyncSession, feedback: Feedback, *, team: str | None, assignee: str | None) -> None:
    """Put a locked feedback into the hands of a team and somebody, and tell of it."""
    with changing(session, feedback, {"team": team, "assignee": assignee}) as before:
        if before:
            outbox.append(session, _assigned(feedback))


def _subject(session: AsyncSession, feedback: Feedback, *, spoken_at: datetime | None = None) -> Subject:
    return Subject(
        id=feedback.id,
        number=feedback.number,
        status=Status(feedback.status),
        severity=feedback.severity,
        team=feedback.team,
        assignee=feedback.assignee,
        created_at=feedback.created_at,
        first_replied_at=feedback.first_replied_at,
        finished_at=feedback.resolved_at or clock_of(session).now(),
        document=document_of(feedback),
        spoken_at=spoken_at,
    )


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
                source=feedback.source,
            ),
        )
    elif before in states.FINISHED and feedback.status not in states.FINISHED:
        feedback.resolved_at = None
        reopened = FeedbackReopened(
            feedback_id=feedback.id, number=feedback.number, author=author, source=feedback.source
        )
        outbox.append(session, reopened)


def author_of(feedback: Feedback) -> Author:
    """Return the author as other services may know them."""
    return Author(user_id=feedback.author_user_id, verified=feedback.author_verified)


async def take_up(session: AsyncSession, feedback: Feedback) -> None:
    """Have a locked feedback worked on that somebody has begun to answer; whoever saw it before has to look again."""
    status = states.after_reply(Status(feedback.status))
    if status != feedback.status:
        await change_feedback(session, feedback.id, {"status": status.value}, expected=ANY_VERSION)
    else:
        touch(session, feedback)


async def mark_replied(
    session: AsyncSession, feedback: Feedback, *, written_at: datetime | None = None, at: datetime | None = None
) -> float | None:
    """Note that a reply went to the author of a locked feedback; returns the seconds since receipt on the first one.

    `at`: when it went, `written_at`: when it was written, if not now.
    """
    at = at or clock_of(session).now()
    status, is_first = states.after_reply(Status(feedback.status)), feedback.first_replied_at is None
    is_other = is_first or status != feedback.status
    feedback.status = status.value
    if is_first:
        feedback.first_replied_at = max(at, feedback.created_at)
    if await keep_clocks(session, feedback, turn=Turn.REPLIED, at=at) or is_other:
        touch(session, feedback)
    if Status(feedback.status) in states.FINISHED:
        await clocks.credit_reply(session, feedback.id, written_at=written_at or at, sent_at=at)
    return _seconds_since_receipt(feedback, at) if is_first else None


async def hear_author(session: AsyncSession, feedback: Feedback) -> None:
    """Note that the author of a locked feedback spoke again: it is worked on again, and held to the next answer."""
    status = states.after_answer(Status(feedback.status))
    if status != feedback.status:
        await change_feedback(session, feedback.id, {"status": status.value}, expected=ANY_VERSION)
    await keep_clocks(session, feedback, turn=Turn.ASKED)
    touch(session, feedback)


def _seconds_since_receipt(feedback: Feedback, at: datetime) -> float:
    # clocks of replicas differ: never less than nothing
    return max(0.0, (at - feedback.created_at).total_seconds())


async def erase_authors(session: AsyncSession, user_ids: Sequence[str], emails: Sequence[str]) -> Sequence[UUID]:
    """Take people and their words out of some of their posts; returns which posts, none when there are no more.

    `emails`: of those who are known by these alone.
    """
    given = {"workspace": context_of(session).workspace, "user_ids": list(user_ids), "emails": list(emails)}
    at_once = {"now": clock_of(session).now(), "limit": ERASED_AT_ONCE}
    return (await session.scalars(_ERASE, given | at_once)).all()


async def lock_untouched(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Hold those of some feedback that were never changed and stand for no others; nobody adds to them until the transaction ends."""
    held = await queries.lock_as_they_came(session, feedback_ids)
    return held - await queries.those_that_stand(session, held)


async def remove(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Remove feedback that is held, for good, as it came with a file: its clocks, watchers and messages go with it."""
    gone = delete(Feedback).where(Feedback.id.in_(feedback_ids))
    await session.execute(gone.execution_options(synchronize_session=False))
