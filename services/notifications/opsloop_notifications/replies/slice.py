"""What replies bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.replies.consumers import REPLIES

SLICE = Slice("replies", subscriptions=(REPLIES,))
