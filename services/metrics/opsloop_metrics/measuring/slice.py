"""What measuring brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.measuring.timers import DUE

SLICE = Slice("measuring", due=DUE)
