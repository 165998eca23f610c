"""What similar feedback brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.similar.routes import router

SLICE = Slice("similar", routers=(router,))
