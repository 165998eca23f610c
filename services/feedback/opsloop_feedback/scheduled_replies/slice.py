"""What scheduled replies bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.scheduled_replies.consumers import SCHEDULED_ERASURES
from opsloop_feedback.scheduled_replies.models import ScheduledReply
from opsloop_feedback.scheduled_replies.routes import router
from opsloop_feedback.scheduled_replies.timers import DUE

SLICE = Slice(
    "scheduled_replies", models=(ScheduledReply,), routers=(router,), due=DUE, subscriptions=(SCHEDULED_ERASURES,)
)
