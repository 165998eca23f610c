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
    rate_limit_per_second: int = Field(default=1_000, ge=1)
    rate_limit_burst: int = Field(default=5_000, ge=1)
    cors_origins: str = ""
    trusted_proxies: str = ""
    max_connections: int = Field(default=limits.CONNECTIONS, ge=16)
    metrics_access: Literal["open", "closed"] = "open"
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    docs_access: Literal["open", "closed"] = "open"
    log_format: Literal["json", "pretty"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("outbound_allow", "trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            ip_network(part)
        return value
