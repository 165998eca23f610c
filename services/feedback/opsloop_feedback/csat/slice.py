"""What CSAT brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.csat import timers
from opsloop_feedback.csat.consumers import ERASURES, QUESTIONS, RESOLVED
from opsloop_feedback.csat.models import CsatResponse, CsatSettings
from opsloop_feedback.csat.routes import router

SLICE = Slice(
    "csat",
    models=(CsatSettings, CsatResponse),
    routers=(router,),
    subscriptions=(RESOLVED, QUESTIONS, ERASURES),
    due=timers.DUE,
)
