"""What canned replies bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.canned_replies.models import CannedReply
from opsloop_feedback.canned_replies.routes import router

SLICE = Slice("canned_replies", models=(CannedReply,), routers=(router,))
