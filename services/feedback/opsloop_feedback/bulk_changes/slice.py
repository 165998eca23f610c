"""What bulk changes bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.bulk_changes.models import BulkChange, BulkChangePost
from opsloop_feedback.bulk_changes.routes import router
from opsloop_feedback.bulk_changes.timers import DUE

SLICE = Slice("bulk_changes", models=(BulkChange, BulkChangePost), routers=(router,), due=DUE)
