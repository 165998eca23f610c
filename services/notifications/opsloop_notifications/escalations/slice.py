"""What escalation brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.escalations.models import Escalation, EscalationPolicy
from opsloop_notifications.escalations.routes import router
from opsloop_notifications.escalations.timers import ESCALATE

SLICE = Slice("escalations", models=(Escalation, EscalationPolicy), routers=(router,), due=(ESCALATE,))
