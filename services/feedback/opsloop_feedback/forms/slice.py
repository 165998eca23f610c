"""What forms bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.forms.models import Form, FormDay
from opsloop_feedback.forms.routes import router

SLICE = Slice("forms", models=(Form, FormDay), routers=(router,))
