"""What the taxonomy brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.taxonomy.models import TaxonomyArea
from opsloop_feedback.taxonomy.routes import router

SLICE = Slice("taxonomy", models=(TaxonomyArea,), routers=(router,))
