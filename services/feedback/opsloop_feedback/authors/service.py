"""Use cases of authors: hand on what is new of how they are reached, and take it back with the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.envelope import INTERNAL_STREAM
from opsloop_common.contracts.users import UserContactChanged, is_mailbox
from opsloop_common.db import context_of
from opsloop_feedback.authors import rules

# the post that said it first is another where what is said is: so the row itself says what is to be told
_KEEP = text(
    "INSERT INTO author AS a (workspace, user_id, source, said_by, email, locale, full_name, said_at, feedback_id) "
    "SELECT :workspace, w.* FROM unnest(CAST(:user_ids AS text[]), CAST(:sources AS text[]), CAST(:said_by AS text[]), "
    "CAST(:emails AS text[]), CAST(:locales AS text[]), CAST(:full_names AS text[]), CAST(:times AS timestamptz[]), "
    "CAST(:feedback_ids AS uuid[])) AS w "
    "ON CONFLICT (workspace, user_id, source, said_by) DO UPDATE SET email = excluded.email, "
    "locale = coalesce(excluded.locale, a.locale), full_name = coalesce(excluded.full_name, a.full_name), "
    "said_at = excluded.said_at, feedback_id = CASE WHEN a.email = excluded.email "
    "AND coalesce(excluded.locale = a.locale, excluded.locale IS NULL) "
    "AND coalesce(excluded.full_name = a.full_name, excluded.full_name IS NULL) THEN a.feedback_id ELSE excluded.feedback_id END "
    "WHERE a.said_at <= excluded.said_at RETURNING feedback_id"
)
_FORGET = text(
    "DELETE FROM author WHERE (workspace, user_id, source, said_by) IN (SELECT workspace, user_id, source, said_by FROM author "
    "WHERE workspace = :workspace AND user_id = ANY(CAST(:user_ids AS text[])) "
    "ORDER BY user_id, source, said_by FOR UPDATE) RETURNING user_id, email"
)


async def tell(session: AsyncSession, rows: Iterable[Mapping[str, Any]]) -> None:
    """Tell of what new posts (`intake.rules.new_row`) say anew of how their authors are reached."""
    words = rules.newest(word for word in map(rules.word_of, rows) if word is not None)
    if not words:
        return
    workspace = context_of(session).workspace
    given = {
        "workspace": workspace,
        "user_ids": [word.user_id for word in words],
        "sources": [word.source for word in words],
        "said_by": [word.said_by for word in words],
        "emails": [word.email for word in words],
        "locales": [word.locale for word in words],
        "full_names": [word.full_name for word in words],
        "times": [word.said_at for word in words],
        "feedback_ids": [word.feedback_id for word in words],
    }
    new = set(await session.scalars(_KEEP, given))
    for word in words:
        if word.feedback_id in new:
            outbox.append(session, word.event(workspace))


async def erase(session: AsyncSession, user_ids: Sequence[str]) -> list[str]:
    """Forget how people who were erased are reached, and say so after what was told of it.

    Returns the addresses of those who are known by these alone: their posts name nobody else.
    """
    workspace = context_of(session).workspace
    gone = (await session.execute(_FORGET, {"workspace": workspace, "user_ids": list(user_ids)})).all()
    known = sorted({row.user_id for row in gone})
    streams = [f"contact/{rules.contact_id(workspace, user_id)}{INTERNAL_STREAM}" for user_id in known]
    await outbox.forget(session, streams, known)
    for user_id in known:
        about = rules.contact_id(workspace, user_id)
        # its stream goes on: who was erased may write again
        outbox.append(session, UserContactChanged(contact_id=about, user_id=user_id, is_gone=True))
    return [row.email for row in gone if is_mailbox(row.user_id)]
