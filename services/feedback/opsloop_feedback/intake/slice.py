"""What intake brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.intake.meters import IntakeMeter
from opsloop_feedback.intake.routes import router

SLICE = Slice("intake", routers=(router,), meters=(IntakeMeter,))
