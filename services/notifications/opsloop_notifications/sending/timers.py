"""What runs beside requests: the sending of deliveries."""

from __future__ import annotations

from opsloop_common.db import ports_of
from opsloop_common.due.engine import Engine
from opsloop_common.service import Runtime
from opsloop_notifications.ports import NotificationsPorts
from opsloop_notifications.sending.sender import WebhookWork


async def dispatch_webhooks(runtime: Runtime) -> None:
    """Send deliveries until cancelled."""
    ports = ports_of(runtime, NotificationsPorts)
    await Engine(runtime.db, WebhookWork(runtime, ports.outbound, ports.lanes), owner=runtime.boot_id).run()
