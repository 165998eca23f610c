"""What recipients bring into the service."""

from __future__ import annotations

from opsloop_campaigns.recipients.meters import RecipientMeter
from opsloop_campaigns.recipients.models import Recipient
from opsloop_common.service import Slice

SLICE = Slice("recipients", models=(Recipient,), meters=(RecipientMeter,))
