"""What is read of the queues now and then, for `/metrics` and `opsloop status`."""

from __future__ import annotations

from opsloop_common.entry import enter_every_workspace
from opsloop_common.service import Runtime
from opsloop_notifications.calls import service as calls
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.messages import service as messages
from opsloop_notifications.queues.meters import QueueMeter

COUNTED = (("webhooks", deliveries.waiting), ("mails", messages.waiting), ("calls", calls.waiting))


async def show_queues(runtime: Runtime) -> None:
    """Count what waits, over all workspaces."""
    meter, now = runtime.db.meters.of(QueueMeter), runtime.clock.now()
    async with runtime.db.work() as session:
        await enter_every_workspace(session)
        for queue, count in COUNTED:
            due, later, oldest_seconds = await count(session, now)
            meter.show(queue, due=due, later=later, oldest_seconds=oldest_seconds)
