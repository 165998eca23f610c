"""Settings of the metrics service."""

from __future__ import annotations

from opsloop_common.settings import Settings


class MetricsSettings(Settings):
    """What every service reads; metrics has no settings of its own yet."""
