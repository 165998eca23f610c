"""What items bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.items.models import Feedback
from opsloop_feedback.items.routes import router

SLICE = Slice("items", models=(Feedback,), routers=(router,))
