"""What runs beside requests: the sending of mails."""

from __future__ import annotations

from opsloop_common.due.engine import Engine
from opsloop_common.service import Runtime
from opsloop_notifications.messages.sender import MailWork
from opsloop_notifications.messages.smtp import MailServer
from opsloop_notifications.settings import mail_from


async def dispatch_mails(runtime: Runtime) -> None:
    """Send mails until cancelled."""
    sender, url = mail_from(runtime.settings), runtime.settings.smtp_url
    if url is None:
        await Engine(runtime.db, MailWork(runtime, None, sender=sender), owner=runtime.boot_id).run()
        return
    async with MailServer(url.get_secret_value()) as server:
        await Engine(runtime.db, MailWork(runtime, server, sender=sender), owner=runtime.boot_id).run()
