"""What runs beside requests: the sending of mails."""

from __future__ import annotations

from opsloop_common.db import ports_of, settings_of
from opsloop_common.due.engine import Engine
from opsloop_common.service import Runtime
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.posting.sender import MailWork
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
