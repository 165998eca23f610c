"""What runs beside requests: the dispatcher of mails."""

from __future__ import annotations

from opsloop_common.service import Runtime
from opsloop_notifications.dispatcher import Dispatcher
from opsloop_notifications.messages.sender import MailWork
from opsloop_notifications.messages.smtp import MailServer
from opsloop_notifications.settings import mail_from


async def dispatch_mails(runtime: Runtime) -> None:
    """Send mails until cancelled."""
    sender, url = mail_from(runtime.settings), runtime.settings.smtp_url
    if url is None:
        await Dispatcher(runtime, MailWork(runtime, None, sender=sender)).run()
        return
    async with MailServer(url.get_secret_value()) as server:
        await Dispatcher(runtime, MailWork(runtime, server, sender=sender)).run()
