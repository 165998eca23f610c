"""What runs beside requests: the sending of mails, and what follows from a bounce."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import ports_of, settings_of
from opsloop_common.due import DueKind, DueRow
from opsloop_common.due.engine import Engine
from opsloop_common.service import Runtime
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.messages import mails
from opsloop_notifications.messages.sender import MailWork
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.settings import NotificationsSettings


async def dispatch_mails(runtime: Runtime) -> None:
    """Send mails until cancelled; `/readyz` says so while they wait for the mail server."""
    ports = ports_of(runtime, NotificationsPorts)
    settings = settings_of(runtime, NotificationsSettings)
    writer = Writer(runtime, settings.mail_from, settings.mail_return, ports.signer)
    work = MailWork(runtime, ports.mail, writer)
    runtime.readiness.append(work.ways.mail)
    try:
        await Engine(runtime.db, work, owner=runtime.boot_id).run()
    finally:
        runtime.readiness.remove(work.ways.mail)


async def suppress_bounced(session: AsyncSession, row: DueRow) -> None:
    """Send nothing more to the address of the notification that the row's key names."""
    await mails.suppress_bounced(session, UUID(row.key))


SUPPRESS_BOUNCED = DueKind(mails.SUPPRESS_BOUNCED, suppress_bounced, concurrency=1)
