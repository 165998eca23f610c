"""What retention brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.retention.timers import FORGET_OLD

SLICE = Slice("retention", due=(FORGET_OLD,))
