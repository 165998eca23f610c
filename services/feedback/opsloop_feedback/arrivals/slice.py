"""What arrivals bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.arrivals.consumers import ARRIVALS

SLICE = Slice("arrivals", subscriptions=(ARRIVALS,))
