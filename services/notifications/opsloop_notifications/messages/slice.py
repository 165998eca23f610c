"""What messages bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.messages.consumers import ERASURES, MESSAGES
from opsloop_notifications.messages.models import Message, Notification, NotificationQueue
from opsloop_notifications.messages.routes import router
from opsloop_notifications.messages.timers import SUPPRESS_BOUNCED

SLICE = Slice(
    "messages",
    models=(Message, Notification, NotificationQueue),
    routers=(router,),
    subscriptions=(MESSAGES, ERASURES),
    due=(SUPPRESS_BOUNCED,),
)
