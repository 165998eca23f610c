"""What consent brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.consent.consumers import CONTACTS

SLICE = Slice("consent", subscriptions=(CONTACTS,))
