"""Settings of the metrics service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, FilePath, SecretStr, field_validator

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

    @field_validator("clickhouse_url")
    @classmethod
    def _clickhouse(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_clickhouse(value.get_secret_value()):
            raise ValueError(
                "must look like clickhouse://user:password@host:8123 or https://…; write / @ : # ? in a password as %2F %40 …"
            )
        return value

    @property
    def events_kept(self) -> timedelta:
        """Return how long domain events are kept."""
        return timedelta(days=self.domain_event_retention_days)


def _is_clickhouse(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("clickhouse", "http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
