"""What CSAT pages bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.csat_pages.routes import pages

SLICE = Slice("csat_pages", routers=(pages,))
