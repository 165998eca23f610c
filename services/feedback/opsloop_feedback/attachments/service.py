"""Use cases of attachments: a file is announced, stored, named, and removed with its person or for want of a name.

Its row is there before the file and goes after it, so nothing lies in the store that nobody knows of, whatever crashes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, case, delete, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits
from opsloop_common.db import clock_of, context_of, settings_of
from opsloop_common.due import recurring
from opsloop_common.errors import Conflict, Invalid, TooMany
from opsloop_common.ids import uuid7
from opsloop_feedback.attachments import queries, rules
from opsloop_feedback.attachments.models import Attachment as Attachment
from opsloop_feedback.attachments.rules import Picture, State
from opsloop_feedback.files import rules as files
from opsloop_feedback.files.service import Files
from opsloop_feedback.settings import FeedbackSettings

NOT_TAKEN = "is no picture, film, sound, document, archive or text that is taken here"
KEEP_UP = "feedback.keep_attachments"
ARRIVES_WITHIN = timedelta(hours=1)
_TAKE = text(
    "WITH asked AS (SELECT CAST(:bytes AS bigint) AS size, CAST(:most AS bigint) AS most) "
    "INSERT INTO attachment_usage AS u (workspace, bytes) SELECT :workspace, size FROM asked WHERE size <= most "
    "ON CONFLICT (workspace) DO UPDATE SET bytes = u.bytes + excluded.bytes "
    "WHERE u.bytes + excluded.bytes <= (SELECT most FROM asked) RETURNING bytes"
)
_GIVE_BACK = text("UPDATE attachment_usage SET bytes = bytes - :bytes WHERE workspace = :workspace")


@dataclass(frozen=True)
class NewFile:
    """A file as it was found to be."""

    name: str | None
    media_type: str
    size: int
    digest: str


def judged(data: bytes, *, name: str | None, said: str | None) -> NewFile:
    """Return what a file is, by its content; raises Invalid (422) for what is not taken."""
    media_type = files.media_type_of(data[: files.HEAD_BYTES])
    if media_type is None:
        raise Invalid("", NOT_TAKEN)
    if files.is_disguised(media_type, said):
        raise Invalid("", "is not what its Content-Type says")
    return NewFile(name, media_type, len(data), hashlib.sha256(data).hexdigest())


async def bring(
    begin: Callable[[], AbstractAsyncContextManager[AsyncSession]],
    kept_in: Files,
    data: bytes,
    new: NewFile,
    *,
    source: str,
) -> UUID:
    """Store a file that did not come by a request of its own, to be named within a day; raises Invalid, TooMany, Unavailable."""
    await kept_in.scan(io.BytesIO(data))
    async with begin() as session:
        attachment = await announce(session, new, source=source)
        attachment_id, key = attachment.id, rules.key_of(attachment.workspace, attachment.id)
    await kept_in.store.put(key, data)
    async with begin() as session:
        await keep(session, attachment_id)
    return attachment_id


async def announce(session: AsyncSession, new: NewFile, *, source: str) -> Attachment:
    """Say that a file is about to be stored, and take its bytes out of the workspace's budget; raises TooMany (409)."""
    workspace = context_of(session).workspace
    most = settings_of(session, FeedbackSettings).attachments_bytes
    taken = await session.execute(_TAKE, {"workspace": workspace, "bytes": new.size, "most": most})
    if taken.first() is None:
        raise TooMany(f"The files of a workspace may have {most} bytes together.")
    attachment = Attachment(
        id=uuid7(),
        workspace=workspace,
        state=State.ARRIVING,
        source=source,
        name=files.safe_name(new.name, new.media_type),
        media_type=new.media_type,
        bytes=new.size,
        sha256=new.digest,
        picture=Picture.DUE if new.media_type in files.PICTURES else Picture.NONE,
        created_at=clock_of(session).now(),
    )
    session.add(attachment)
    return attachment


async def keep(session: AsyncSession, attachment_id: UUID) -> Attachment:
    """Say that a file is stored; raises Conflict (409) when that took so long that it was removed meanwhile."""
    if not await _set(session, Attachment.id == attachment_id, Attachment.state == State.ARRIVING, state=State.KEPT):
        raise Conflict("The file took too long; send it again.")
    attachment = await queries.get_attachment(session, attachment_id)
    if attachment.picture == Picture.DUE:
        await recurring.bring_forward(session, KEEP_UP, clock_of(session).now())
    return attachment


async def name(
    session: AsyncSession,
    ids: Sequence[UUID],
    *,
    feedback_id: UUID,
    message_id: UUID | None = None,
    source: str | None = None,
) -> None:
    """Let a post or a message name files, each by one alone; raises Invalid (422).

    `source`: of whoever may only add, who names what it uploaded itself.
    """
    if not ids:
        return
    await session.flush()  # what names them has to be there
    own = () if source is None else (Attachment.source == source,)
    is_free = (Attachment.id.in_(ids), Attachment.state == State.KEPT, Attachment.feedback_id.is_(None), *own)
    if await _set(session, *is_free, feedback_id=feedback_id, message_id=message_id) != len(set(ids)):
        raise Invalid("/attachments", "names a file that is not there, or that something else names already")


async def _set(session: AsyncSession, *where: ColumnElement[bool], **values: object) -> int:
    own = Attachment.workspace == context_of(session).workspace
    statement = update(Attachment).where(own, *where).values(values).execution_options(synchronize_session=False)
    done: CursorResult[tuple[()]] = await session.execute(statement)  # type: ignore[assignment]
    return done.rowcount


async def take_back(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Have the files of posts removed, those of their messages too, and forget at once what they were called."""
    gone = {"state": State.REMOVED, "feedback_id": None, "message_id": None, "name": "", "sha256": ""}
    if await _set(session, Attachment.feedback_id.in_(feedback_ids), **gone):
        await recurring.bring_forward(session, KEEP_UP, clock_of(session).now())


async def left_over(session: AsyncSession, *, limit: int) -> Sequence[UUID]:
    """Take what is to be removed out of reach, so that nobody names it any more; returns it."""
    now = clock_of(session).now()
    found = await queries.left_over(
        session,
        arrived_before=now - ARRIVES_WITHIN,
        kept_before=now - timedelta(hours=limits.ATTACHMENT_HOURS),
        limit=limit,
    )
    await _set(session, Attachment.id.in_(found), Attachment.feedback_id.is_(None), state=State.REMOVED)
    return found


async def forget(session: AsyncSession, ids: Collection[UUID]) -> None:
    """Delete the rows of files that are out of the store, and give their bytes back."""
    own = (Attachment.workspace == context_of(session).workspace, Attachment.state == State.REMOVED)
    statement = delete(Attachment).where(*own, Attachment.id.in_(ids)).returning(Attachment.bytes)
    sizes = (await session.scalars(statement)).all()
    if sizes:
        await session.execute(_GIVE_BACK, {"workspace": context_of(session).workspace, "bytes": sum(sizes)})


async def note_picture(session: AsyncSession, attachment_id: UUID, *, is_made: bool) -> None:
    """Say what became of the small picture of a file."""
    picture = case((Attachment.state == State.KEPT, Picture.MADE if is_made else Picture.NONE), else_=Picture.NONE)
    await _set(session, Attachment.id == attachment_id, picture=picture)
