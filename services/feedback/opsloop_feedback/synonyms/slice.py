"""What synonyms bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.synonyms.models import SynonymGroup
from opsloop_feedback.synonyms.routes import router

SLICE = Slice("synonyms", models=(SynonymGroup,), routers=(router,))
