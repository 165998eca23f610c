"""What service levels bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.slas import timers
from opsloop_feedback.slas.routes import router

SLICE = Slice("slas", routers=(router,), due=timers.DUE)
