"""What clocks bring into the service: their table. Their doors are those of service levels."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.sla_clocks.models import SlaClock

SLICE = Slice("sla_clocks", models=(SlaClock,))
