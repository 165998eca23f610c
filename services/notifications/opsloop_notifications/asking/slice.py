"""What asking brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.asking.timers import HANDSHAKE

SLICE = Slice("asking", due=(HANDSHAKE,))
