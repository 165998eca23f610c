"""What contacts bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.contacts.consumers import ERASURES
from opsloop_metrics.contacts.models import Contact

SLICE = Slice("contacts", models=(Contact,), subscriptions=(ERASURES,))
