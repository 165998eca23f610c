"""What people bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.people.consumers import PEOPLE
from opsloop_feedback.people.routes import router

SLICE = Slice("people", routers=(router,), subscriptions=(PEOPLE,))
