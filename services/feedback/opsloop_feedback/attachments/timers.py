"""What is done for attachments beside requests: small pictures are made, and what nobody names is removed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from opsloop_common.db import ports_of
from opsloop_common.due import DueKind, LongRun
from opsloop_feedback.attachments import queries, service
from opsloop_feedback.attachments.rules import Form, key_of
from opsloop_feedback.files.service import Files, NoFile
from opsloop_feedback.ports import FeedbackPorts

AT_ONCE = 100
PICTURES_AT_ONCE = 10


async def keep_up(run: LongRun) -> None:
    """Remove what is to be removed, and make the small pictures that are missing; again after a crash."""
    files = ports_of(run, FeedbackPorts).files
    if files is None:
        return
    while left := await _left_over(run):
        names = [key_of(run.workspace, id, form) for id in left for form in Form]
        await files.store.remove(*names)
        async with run.transaction() as session:
            await service.forget(session, left)
        run.give_way()
    while due := await _without_picture(run):
        for attachment_id in due:
            is_made = await _draw(files, run.workspace, attachment_id)
            async with run.transaction() as session:
                await service.note_picture(session, attachment_id, is_made=is_made)
            run.give_way()


async def _left_over(run: LongRun) -> Sequence[UUID]:
    async with run.transaction() as session:
        return await service.left_over(session, limit=AT_ONCE)


async def _without_picture(run: LongRun) -> Sequence[UUID]:
    async with run.transaction() as session:
        return await queries.without_picture(session, limit=PICTURES_AT_ONCE)


async def _draw(files: Files, workspace: str, attachment_id: UUID) -> bool:
    try:
        data = await files.store.read(key_of(workspace, attachment_id))
    except NoFile:
        return False
    picture = await files.draw(data)
    if picture is None:
        return False
    await files.store.put(key_of(workspace, attachment_id, Form.PICTURE), picture)
    return True


DUE = (DueKind(service.KEEP_UP, keep_up, every=timedelta(minutes=10), per="workspace", long=True, concurrency=2),)
