"""What drafts bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.drafts.models import FeedbackDraft
from opsloop_feedback.drafts.routes import router

SLICE = Slice("drafts", models=(FeedbackDraft,), routers=(router,))
