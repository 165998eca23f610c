"""What views bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.views.models import View
from opsloop_feedback.views.routes import router

SLICE = Slice("views", models=(View,), routers=(router,))
