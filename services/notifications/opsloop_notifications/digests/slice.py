"""What digests bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.digests.models import Digest

SLICE = Slice("digests", models=(Digest,))
