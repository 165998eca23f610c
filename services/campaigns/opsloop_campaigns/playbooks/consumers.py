"""What playbooks hear: every event of every service."""

from __future__ import annotations

from opsloop_campaigns.playbooks import service
from opsloop_common.inbox.subscription import Subscription

PLAYBOOKS = Subscription(
    consumer="campaigns.playbooks", types=frozenset({"*"}), batch_handler=service.hear, gather_seconds=0.05
)
