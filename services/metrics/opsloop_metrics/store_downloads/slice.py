"""What downloads bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.store_downloads.models import StoreDownload
from opsloop_metrics.store_downloads.routes import router

SLICE = Slice("store_downloads", models=(StoreDownload,), routers=(router,))
