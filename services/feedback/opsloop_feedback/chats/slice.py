"""What chats bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.chats.meters import ChatStreams
from opsloop_feedback.chats.models import Chat
from opsloop_feedback.chats.routes import router, visits

SLICE = Slice("chats", models=(Chat,), routers=(router, visits), meters=(ChatStreams,))
