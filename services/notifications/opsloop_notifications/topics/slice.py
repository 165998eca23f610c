"""What topics bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.topics.models import Topic
from opsloop_notifications.topics.routes import router

SLICE = Slice("topics", models=(Topic,), routers=(router,))
