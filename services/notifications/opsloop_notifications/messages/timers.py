"""What runs beside requests: the sending of mails."""

from __future__ import annotations

from opsloop_common.db import ports_of, settings_of
from opsloop_common.due.engine import Engine
from opsloop_common.service import Runtime
from opsloop_notifications.messages.sender import MailWork
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.settings import NotificationsSettings


async def dispatch_mails(runtime: Runtime) -> None:
    """Send mails until cancelled."""
    server = ports_of(runtime, NotificationsPorts).mail
    sender = settings_of(runtime, NotificationsSettings).mail_from
    await Engine(runtime.db, MailWork(runtime, server, sender=sender), owner=runtime.boot_id).run()
