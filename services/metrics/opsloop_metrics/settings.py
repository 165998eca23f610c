"""Settings of the metrics service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, FilePath, SecretStr

from opsloop_common.settings import Settings


class MetricsSettings(Settings):
    """What this service reads besides the common settings."""

    domain_event_retention_days: int = Field(default=400, ge=1, le=36_500)
    """How long domain events are kept to be measured; a monitor of events may look back no further."""
    geoip_database: FilePath | None = None
    """A .mmdb file that says in which country, region and city an address is; without one nobody knows."""
    events_path: Path | None = None
    """The folder in which the engine of this process keeps product events. The one process sets it below its data directory."""
    clickhouse_url: SecretStr | None = None
    """The ClickHouse server that keeps product events instead."""

    @property
    def events_kept(self) -> timedelta:
        """Return how long domain events are kept."""
        return timedelta(days=self.domain_event_retention_days)
