"""Settings from the environment, named as operators know them. A service's own settings subclass `Settings`."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from opsloop_common import limits


class Settings(BaseSettings):
    """What every service reads. Each field's environment variable is `OPSLOOP_<FIELD>`, unless its alias says otherwise."""

    model_config = SettingsConfigDict(env_prefix="OPSLOOP_", extra="ignore", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    instance: str | None = None
    public_url: str | None = None
    bus: Literal["local", "kafka"] = "kafka"
    kafka_bootstrap: str | None = None
    kafka_replication: int = Field(default=3, ge=1)
    kafka_session_timeout_ms: int = Field(default=30_000, ge=6_000)
    bootstrap_key: SecretStr | None = Field(default=None, min_length=16)
    secret_key: SecretStr | None = Field(default=None, min_length=32)
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    outbound: Literal["public", "allowlist"] = "public"
    outbound_allow: str = ""
    smtp_url: SecretStr | None = None
    database_statement_seconds: float = Field(default=limits.DATABASE_STATEMENT_SECONDS, ge=1, le=600)
    """How long a request, a consumer or a claim waits for one statement; then it is refused or tried again."""
    database_work_seconds: float = Field(default=limits.DATABASE_WORK_SECONDS, ge=1, le=3600)
    """The same for due work, pruning and counting."""
    rate_limit_per_second: int = Field(default=limits.RATE_PER_SECOND, ge=1)
    rate_limit_burst: int = Field(default=limits.RATE_BURST, ge=1)
    rate_limit_workspace_per_second: int | None = Field(default=None, ge=1)
    rate_limit_process_per_second: int | None = Field(default=None, ge=1)
    cors_origins: str = ""
    log_format: Literal["json", "pretty"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("outbound_allow")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            ip_network(part)
        return value
