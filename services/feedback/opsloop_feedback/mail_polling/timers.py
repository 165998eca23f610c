"""When mail is fetched: every minute, a few mailboxes of a workspace at once, so that one which hangs holds up none beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, ports_of
from opsloop_common.due import DueKind, LongRun, recurring
from opsloop_feedback.mail_in.service import Ways
from opsloop_feedback.mail_polling import service
from opsloop_feedback.mail_polling.service import Due
from opsloop_feedback.ports import FeedbackPorts

FETCH = "feedback.fetch_mail"
AT_ONCE = 5


async def fetch_mail(run: LongRun) -> None:
    """Look at the mailboxes whose turn it is; at once again where one has more."""
    ports, one, few = ports_of(run, FeedbackPorts), asyncio.Lock(), asyncio.Semaphore(AT_ONCE)
    fetcher = ports.fetcher
    if fetcher is None:
        return

    @asynccontextmanager
    async def begin() -> AsyncIterator[AsyncSession]:
        async with one, run.transaction() as session:
            yield session

    async def fetch(due: Due) -> bool:
        async with few:
            return await service.fetch(Ways(begin, ports.letters, ports.files), fetcher, due)

    async with begin() as session:
        due = await service.due_mailboxes(session, ports.secrets)
    more = await asyncio.gather(*[fetch(each) for each in due], return_exceptions=True)
    if any(each is True for each in more):
        async with begin() as session:
            await recurring.bring_forward(session, FETCH, clock_of(session).now())
    for each in more:
        if isinstance(each, BaseException):
            raise each  # after the others have had their turn; it is tried again, and so is this mailbox


DUE = (DueKind(FETCH, fetch_mail, every=service.EVERY, per="workspace", long=True, concurrency=8),)
