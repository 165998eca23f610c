"""What attachments bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.attachments import timers
from opsloop_feedback.attachments.models import Attachment, AttachmentUsage
from opsloop_feedback.attachments.routes import router

SLICE = Slice("attachments", models=(Attachment, AttachmentUsage), routers=(router,), due=timers.DUE)
