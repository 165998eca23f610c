"""What templates bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.templates.models import Template, TemplateVersion
from opsloop_notifications.templates.routes import router

SLICE = Slice("templates", models=(Template, TemplateVersion), routers=(router,))
