"""Use cases of fetching: what a mailbox holds is taken in mail by mail, each with its place in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.imap import rules
from opsloop_feedback.imap.rules import Failure, Place
from opsloop_feedback.imap.service import Failed, Fetched, Fetcher, Look, Target
from opsloop_feedback.mail_in import service as mail_in
from opsloop_feedback.mail_in.service import Brought, Ways
from opsloop_feedback.mail_polling import queries
from opsloop_feedback.mail_polling.models import MailboxProgress as MailboxProgress
from opsloop_feedback.mail_polling.queries import find_progress as find_progress
from opsloop_feedback.mailboxes import service as mailboxes
from opsloop_feedback.mailboxes.rules import Security
from opsloop_feedback.mailboxes.service import Mailbox

EVERY = timedelta(minutes=1)
FULL_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class Due:
    """A mailbox that is to be looked at, from where, and how many mails it may bring."""

    mailbox_id: UUID
    target: Target
    known: Place | None
    room: int


async def due_mailboxes(session: AsyncSession, secrets: SecretBox) -> list[Due]:
    """Return the mailboxes of the workspace whose turn it is."""
    now, found = clock_of(session).now(), []
    for mailbox in await mailboxes.fetched(session):
        progress = await queries.find_progress(session, mailbox.id)
        if progress is not None and progress.next_at > now:
            continue
        room = await mail_in.left_of_hour(session, mailbox.id)
        if room == 0:
            await _note(session, mailbox.id, next_at=now + FULL_FOR)
            continue
        found.append(Due(mailbox.id, _target(mailbox, secrets), _place(progress), room))
    return found


def _target(mailbox: Mailbox, secrets: SecretBox) -> Target:
    return Target(
        host=mailbox.host or "",
        port=mailbox.port or 0,
        is_tls=mailbox.security == Security.TLS,
        user_name=mailbox.user_name or "",
        password=mailboxes.password_of(mailbox, secrets),
        folder=mailbox.folder or "",
    )


def _place(progress: MailboxProgress | None) -> Place | None:
    if progress is None or progress.uid_validity is None or progress.last_uid is None:
        return None
    return Place(progress.uid_validity, progress.last_uid)


async def fetch(ways: Ways, fetcher: Fetcher, due: Due) -> bool:
    """Look at a mailbox, and take in what it brings; says whether there is more. What fails is noted, and tried again later.

    Raises Unavailable (503) when what is ours is down: what was taken in until then stays so.
    """
    try:
        look = await fetcher.look(due.target, due.known)
    except Failed as error:
        async with ways.begin() as session:
            await _note_failure(session, due.mailbox_id, error.failure)
        return False
    for fetched in look.mails[: due.room]:
        await _take(ways, due.mailbox_id, look, fetched)
    is_all = len(look.mails) <= due.room
    async with ways.begin() as session:
        now = clock_of(session).now()
        place = {"uid_validity": look.place.validity, "last_uid": look.place.uid} if is_all else {}
        await _note(session, due.mailbox_id, next_at=now, failures=0, failure=None, fetched_at=now, **place)
    return is_all and look.has_more


async def _take(ways: Ways, mailbox_id: UUID, look: Look, fetched: Fetched) -> None:
    async def advance(session: AsyncSession) -> None:
        await _advance(session, mailbox_id, Place(look.place.validity, fetched.uid))

    await mail_in.receive(ways, Brought(mailbox_id, fetched.raw, fetched.size), also=advance)


async def _advance(session: AsyncSession, mailbox_id: UUID, place: Place) -> None:
    """Say that a mail is taken in; raises Conflict (409) when somebody else has come as far meanwhile, who took it in too."""
    await _note(session, mailbox_id)
    progress = MailboxProgress
    is_behind = or_(
        progress.uid_validity.is_distinct_from(place.validity),
        progress.last_uid.is_(None),
        progress.last_uid < place.uid,
    )
    moved = await session.execute(
        update(progress)
        .where(progress.workspace == context_of(session).workspace, progress.mailbox_id == mailbox_id, is_behind)
        .values(uid_validity=place.validity, last_uid=place.uid)
        .returning(progress.mailbox_id)
        .execution_options(synchronize_session=False)
    )
    if moved.first() is None:
        raise Conflict("This mailbox is fetched elsewhere.")


async def _note_failure(session: AsyncSession, mailbox_id: UUID, failure: Failure) -> None:
    now, progress = clock_of(session).now(), await queries.find_progress(session, mailbox_id)
    failures = 1 if progress is None else progress.failures + 1
    await _note(session, mailbox_id, failures=failures, failure=failure.value, next_at=now + rules.again_in(failures))


async def _note(session: AsyncSession, mailbox_id: UUID, **values: str | int | datetime | None) -> None:
    """Write down how far a mailbox is, if it is still there."""
    if await mailboxes.find_mailbox(session, mailbox_id) is None:
        return
    made = {
        "mailbox_id": mailbox_id,
        "workspace": context_of(session).workspace,
        "failures": 0,
        "next_at": clock_of(session).now(),
    }
    statement = insert(MailboxProgress).values(made | values)
    if values:
        await session.execute(statement.on_conflict_do_update(index_elements=["mailbox_id"], set_=values))
    else:
        await session.execute(statement.on_conflict_do_nothing())
