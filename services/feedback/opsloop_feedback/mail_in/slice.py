"""What mail that comes in brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.mail_in import consumers, timers
from opsloop_feedback.mail_in.models import ReceivedMail
from opsloop_feedback.mail_in.routes import router

SLICE = Slice("mail_in", models=(ReceivedMail,), routers=(router,), subscriptions=(consumers.ERASURES,), due=timers.DUE)
