"""What the pages of forms bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.form_pages.meters import Senders
from opsloop_feedback.form_pages.routes import pages

SLICE = Slice("form_pages", routers=(pages,), meters=(Senders,))
