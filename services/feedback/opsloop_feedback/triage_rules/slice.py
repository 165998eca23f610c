"""What triage rules bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.triage_rules.models import TriageRule
from opsloop_feedback.triage_rules.routes import router

SLICE = Slice("triage_rules", models=(TriageRule,), routers=(router,))
