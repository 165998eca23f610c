"""What merging brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.merging.models import FeedbackMerge
from opsloop_feedback.merging.routes import router

SLICE = Slice("merging", models=(FeedbackMerge,), routers=(router,))
