"""What calls bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.calls.models import CallAttempt, CallQueue

SLICE = Slice("calls", models=(CallQueue, CallAttempt))
