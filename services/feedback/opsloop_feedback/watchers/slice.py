"""What watchers bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.watchers.models import FeedbackWatcher
from opsloop_feedback.watchers.routes import router

SLICE = Slice("watchers", models=(FeedbackWatcher,), routers=(router,))
