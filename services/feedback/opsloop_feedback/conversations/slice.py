"""What conversations bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.conversations.consumers import DELIVERIES, ERASURES
from opsloop_feedback.conversations.models import FeedbackMessage
from opsloop_feedback.conversations.routes import router

SLICE = Slice("conversations", models=(FeedbackMessage,), routers=(router,), subscriptions=(ERASURES, DELIVERIES))
