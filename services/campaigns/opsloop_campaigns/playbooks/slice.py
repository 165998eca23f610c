"""What playbooks bring into the service."""

from __future__ import annotations

from opsloop_campaigns.playbooks.consumers import ERASURES, PLAYBOOKS
from opsloop_campaigns.playbooks.models import Playbook, PlaybookRun
from opsloop_campaigns.playbooks.routes import router
from opsloop_campaigns.playbooks.timers import DUE
from opsloop_common.service import Slice

SLICE = Slice(
    "playbooks", models=(Playbook, PlaybookRun), routers=(router,), subscriptions=(PLAYBOOKS, ERASURES), due=DUE
)
