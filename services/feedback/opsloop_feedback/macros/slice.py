"""What macros bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.macros.models import Macro
from opsloop_feedback.macros.routes import router

SLICE = Slice("macros", models=(Macro,), routers=(router,))
