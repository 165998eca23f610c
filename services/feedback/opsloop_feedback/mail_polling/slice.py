"""What fetching brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.mail_polling import timers
from opsloop_feedback.mail_polling.models import MailboxProgress
from opsloop_feedback.mail_polling.routes import router

SLICE = Slice("mail_polling", models=(MailboxProgress,), routers=(router,), due=timers.DUE)
