"""What sending brings into the service."""

from __future__ import annotations

from opsloop_campaigns.sending.consumers import ERASURES, RESULTS
from opsloop_campaigns.sending.routes import router
from opsloop_campaigns.sending.timers import DUE
from opsloop_common.service import Slice

SLICE = Slice("sending", routers=(router,), subscriptions=(RESULTS, ERASURES), due=DUE)
