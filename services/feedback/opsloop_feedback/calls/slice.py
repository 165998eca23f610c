"""What calls bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.calls.consumers import CALL_ERASURES
from opsloop_feedback.calls.models import Call
from opsloop_feedback.calls.routes import router

SLICE = Slice("calls", models=(Call,), routers=(router,), subscriptions=(CALL_ERASURES,))
