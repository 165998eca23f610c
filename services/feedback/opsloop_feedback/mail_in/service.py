"""Use cases of mail that comes in. Files are stored before, then all that a mail becomes happens in one transaction, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits
from opsloop_common.contracts.users import mailbox_user_id
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, DomainError, Unavailable
from opsloop_common.ids import uuid7
from opsloop_feedback.attachments import service as attachments
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.files.service import Files
from opsloop_feedback.intake import service as intake
from opsloop_feedback.items import service as items
from opsloop_feedback.letters.service import Letter, LetterReader
from opsloop_feedback.mail_in import queries, rules
from opsloop_feedback.mail_in.models import ReceivedMail as ReceivedMail
from opsloop_feedback.mail_in.rules import MailOutcome, Unfit
from opsloop_feedback.mailboxes import service as mailboxes
from opsloop_feedback.mailboxes.rules import SOURCE

Begin = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Also = Callable[[AsyncSession], Awaitable[None]]
FORGOTTEN_AT_ONCE = 500
NOT_RETRIED = "Only a parked mail whose bytes are kept is tried again."


@dataclass(frozen=True)
class Ways:
    """What mail is taken in with: who opens transactions in its workspace, who reads it, and where its files go."""

    begin: Begin
    reader: LetterReader
    files: Files | None


@dataclass(frozen=True)
class Brought:
    """A mail as it came. `raw` None: it was too large to be taken."""

    mailbox_id: UUID
    raw: bytes | None
    size: int


async def receive(ways: Ways, brought: Brought, *, also: Also | None = None) -> ReceivedMail:
    """Take in one mail, once, whichever way it comes again; `also` happens in the same transaction, before it.

    What cannot be read is parked. Raises Unavailable (503) when what this needs is down: then nothing has happened.
    """
    letter = None if brought.raw is None else await ways.reader.read(brought.raw)
    unfit = _unfit(brought, letter)
    if letter is None or unfit is not None:
        async with ways.begin() as session:
            await (also or _nothing)(session)
            return await _park(session, brought, letter, unfit or Unfit.UNREADABLE)
    key = rules.key_of(letter.message_id, letter.from_address, letter.subject, letter.text)
    async with ways.begin() as session:
        known = await queries.find_by_key(session, key)
        own = await mailboxes.own_addresses(session)
    reason = rules.reason_not_to_take(letter.automatic, letter.from_address, own)
    is_taken = known is None and reason is None
    stored = await _stored(ways, letter) if is_taken else []
    async with ways.begin() as session:
        await (also or _nothing)(session)
        return await _take(session, brought, letter, key, reason=reason, files=stored)


async def _nothing(session: AsyncSession) -> None:
    """Do nothing more."""


def _unfit(brought: Brought, letter: Letter | None) -> Unfit | None:
    if brought.raw is None:
        return Unfit.TOO_LARGE
    if letter is None:
        return Unfit.UNREADABLE
    if letter.automatic is not None:
        return None
    if letter.from_address is None:
        return Unfit.NO_SENDER
    names = [each.name or "" for each in letter.files]
    return None if rules.words_of(letter.text, letter.subject, names) is not None else Unfit.EMPTY


async def _stored(ways: Ways, letter: Letter) -> list[UUID]:
    """Store the files of a mail; those that are not taken are left out, and so are all where there is no room or no place."""
    stored: list[UUID] = []
    for each in letter.files:
        if ways.files is None:
            break
        try:
            new = attachments.judged(each.data, name=each.name, said=each.media_type)
            stored.append(await attachments.bring(ways.begin, ways.files, each.data, new, source=SOURCE))
        except Unavailable:
            raise
        except DomainError:
            continue
    return stored


async def _take(
    session: AsyncSession, brought: Brought, letter: Letter, key: str, *, reason: str | None, files: Sequence[UUID]
) -> ReceivedMail:
    known = await queries.find_by_key(session, key)
    if known is not None:
        return known
    received = _row(session, brought, letter, key)
    if reason is not None:
        received.outcome, received.reason = MailOutcome.AUTOMATIC.value, reason
        return received
    thread_id = await _thread(session, letter)
    words = rules.words_of(letter.text, letter.subject, [each.name or "" for each in letter.files]) or ""
    if thread_id is not None:
        message = await conversations.add_from_author(
            session, thread_id, body=words, channel="email", external_id=rules.natural_key(letter.message_id, key)
        )
        received.outcome, received.feedback_id, received.message_id = (
            MailOutcome.MESSAGE.value,
            message.feedback_id,
            message.id,
        )
        await attachments.name(session, files, feedback_id=message.feedback_id, message_id=message.id)
        return received
    post = _submission(session, letter, words, key, mailbox_id=brought.mailbox_id)
    feedback, created = await intake.submit(session, post)
    if not created:  # others may call theirs the same
        feedback, created = await intake.submit(session, replace(post, external_id=key))
    received.feedback_id = feedback.id
    if created:
        await attachments.name(session, files, feedback_id=feedback.id)
    return received


def _row(session: AsyncSession, brought: Brought, letter: Letter | None, key: str) -> ReceivedMail:
    sender = letter.from_address if letter is not None else None
    message_id = letter.message_id if letter is not None else None
    workspace = context_of(session).workspace
    received = ReceivedMail(
        id=uuid7(),
        workspace=workspace,
        mailbox_id=brought.mailbox_id,
        key=key,
        mail_digest=None if message_id is None else rules.digest(message_id),
        outcome=MailOutcome.POST.value,
        author_id=None if sender is None else mailbox_user_id(workspace, sender),
        size=brought.size,
        received_at=clock_of(session).now(),
    )
    session.add(received)
    return received


async def _thread(session: AsyncSession, letter: Letter) -> UUID | None:
    """Return the feedback that a mail answers, None for a new matter.

    The name of a conversation is signed, and known to whom we wrote. Whoever knows a Message-ID may name it: there only its author's
    answer belongs to a conversation.
    """
    named = conversations.conversation_of(session, " ".join([*letter.to, *letter.answers]))
    if named is not None and await items.some_feedback(session, [named]):
        return named
    thread_id = await queries.find_thread(session, [rules.digest(each) for each in letter.answers])
    if thread_id is None:
        return None
    author = (await items.get_feedback(session, thread_id)).author_email or ""
    return thread_id if author.lower() == (letter.from_address or "").lower() else None


def _submission(session: AsyncSession, letter: Letter, words: str, key: str, *, mailbox_id: UUID) -> Any:
    about: dict[str, Any] = {"mailbox_id": str(mailbox_id)}
    if letter.message_id is not None:
        about["message_id"] = letter.message_id
    return rules.submission(
        words=words,
        subject=letter.subject,
        sender=letter.from_address or "",
        name=letter.from_name,
        locale=letter.locale,
        external_id=rules.natural_key(letter.message_id, key),
        written_at=rules.said_at(letter.said_at, clock_of(session).now()),
        attributes={"mail": about},
    )


async def _park(session: AsyncSession, brought: Brought, letter: Letter | None, unfit: Unfit) -> ReceivedMail:
    """Keep a mail that nobody could take for somebody to look at; the same one once."""
    raw = brought.raw if brought.raw is not None and len(brought.raw) <= limits.PARKED_MAIL_BYTES else None
    key = rules.digest(f"{unfit} {brought.size} {uuid7()}" if brought.raw is None else brought.raw.decode("latin-1"))
    known = await queries.find_by_key(session, key)
    if known is not None:
        return known
    received = _row(session, brought, letter, key)
    received.outcome, received.reason, received.raw = MailOutcome.PARKED.value, unfit.value, raw
    return received


async def retry(ways: Ways, mail_id: UUID) -> ReceivedMail:
    """Try a parked mail again; raises NotFound, Conflict (409) for one that is not parked, or of which nothing is kept."""
    async with ways.begin() as session:
        parked = await queries.get_parked(session, mail_id)
    if parked.raw is None or parked.outcome != MailOutcome.PARKED:
        raise Conflict(NOT_RETRIED)

    async def make_way(session: AsyncSession) -> None:
        # for the row that it becomes, and only then: what this needs may be down
        is_it = (ReceivedMail.id == mail_id, ReceivedMail.raw.is_not(None))
        if (await session.execute(delete(ReceivedMail).where(*is_it).returning(ReceivedMail.id))).first() is None:
            raise Conflict(NOT_RETRIED)

    return await receive(ways, Brought(parked.mailbox_id, parked.raw, parked.size), also=make_way)


async def left_of_hour(session: AsyncSession, mailbox_id: UUID) -> int:
    """Return how many mails may come by a mailbox now."""
    hour_ago = clock_of(session).now() - timedelta(hours=1)
    return max(0, limits.MAILS_PER_HOUR - await queries.count_since(session, mailbox_id, hour_ago))


async def erase(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget the bytes of parked mail that erased people wrote."""
    own = ReceivedMail.workspace == context_of(session).workspace
    await session.execute(
        update(ReceivedMail).where(own, ReceivedMail.author_id.in_(user_ids)).values(raw=None, author_id=None)
    )


async def prune(session: AsyncSession) -> int:
    """Forget parked mail after two weeks, and other mail when nothing answers it any more; returns how many rows went."""
    now = clock_of(session).now()
    gone = 0
    for outcomes, days in (
        ([MailOutcome.PARKED], limits.PARKED_MAIL_DAYS),
        (list(MailOutcome), limits.RECEIVED_MAIL_DAYS),
    ):
        old = (
            select(ReceivedMail.id)
            .where(
                ReceivedMail.workspace == context_of(session).workspace,
                ReceivedMail.outcome.in_(outcomes),
                ReceivedMail.received_at < now - timedelta(days=days),
            )
            .order_by(ReceivedMail.id)
            .limit(FORGOTTEN_AT_ONCE)
        )
        deleted = await session.execute(delete(ReceivedMail).where(ReceivedMail.id.in_(old)).returning(ReceivedMail.id))
        gone += len(deleted.all())
    return gone
