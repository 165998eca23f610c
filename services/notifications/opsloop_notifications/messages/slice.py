"""What messages bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.messages.consumers import ERASURES, MESSAGES
from opsloop_notifications.messages.models import Message, Notification, NotificationQueue

SLICE = Slice(
    "messages",
    models=(Message, Notification, NotificationQueue),
    subscriptions=(MESSAGES, ERASURES),
)
