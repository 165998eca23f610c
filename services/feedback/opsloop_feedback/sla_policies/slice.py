"""What policies bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.sla_policies.models import SlaPolicy
from opsloop_feedback.sla_policies.routes import router

SLICE = Slice("sla_policies", models=(SlaPolicy,), routers=(router,))
