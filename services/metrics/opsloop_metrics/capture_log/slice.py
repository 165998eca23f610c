"""The loop that writes what others captured."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.capture_log import service

SLICE = Slice("capture_log", loops=(service.capture_from_log,))
