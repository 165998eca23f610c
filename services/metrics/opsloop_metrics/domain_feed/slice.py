"""What the feed brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.domain_feed.models import DomainFeed
from opsloop_metrics.domain_feed.timers import DUE

SLICE = Slice("domain_feed", models=(DomainFeed,), due=DUE)
