"""What teams bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.teams.models import Team
from opsloop_feedback.teams.routes import router

SLICE = Slice("teams", models=(Team,), routers=(router,))
