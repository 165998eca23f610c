"""What notes bring into the sample service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_common.testing.sample.pages import pages
from opsloop_common.testing.sample.routes import router
from opsloop_common.testing.sample.tables import Note

SLICE = Slice("notes", models=(Note,), routers=(router, pages))
