"""What personas bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.personas import routes
from opsloop_metrics.personas.consumers import ERASURES
from opsloop_metrics.personas.models import ErasedFeedback, Persona, PersonaVersion

SLICE = Slice(
    "personas", models=(Persona, PersonaVersion, ErasedFeedback), routers=(routes.router,), subscriptions=(ERASURES,)
)
