"""Settings from the environment, named as operators know them. A service's own settings subclass `Settings`."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from opsloop_common import limits

_NOT_OF_BASES = re.compile(
    r"""[\s?#"'<>\\^`{|}]"""
)  # paths are written behind these addresses, in links that people get


SECRET_KEY_CHARACTERS = 32
_RATE = re.compile(r"(rate=[1-9][0-9]{0,5})?")
_OF_HEADERS = re.compile(r"[!-~]([ -~]*[!-~])?")


class BadSettings(Exception):
    """Settings that cannot be used; the text names each and says what it must be, and never what it is: that may be a secret."""


class Misconfigured(Exception):
    """The settings do not go together, or one is missing; the text says which and what to do."""


class Unusable(Exception):
    """What a setting names cannot be used as it is now; the text names the setting, and says why and what to do."""


class Settings(BaseSettings):
    """What every service reads. Each field's environment variable is `OPSLOOP_<FIELD>`, unless its alias says otherwise."""

    model_config = SettingsConfigDict(env_prefix="OPSLOOP_", extra="ignore", frozen=True, hide_input_in_errors=True)

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except (ValidationError, SettingsError) as error:
            raise BadSettings(_explained(error)) from None

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    instance: str | None = None
    public_url: str | None = None
    bus: Literal["local", "kafka"] = "kafka"
    kafka_bootstrap: str | None = None
    kafka_replication: int = Field(default=3, ge=1)
    kafka_session_timeout_ms: int = Field(default=30_000, ge=6_000)
    kafka_prefix: str = Field(default="opsloop", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    """What the names of topics and consumer groups begin with: two installations on one Kafka have two."""
    bootstrap_key: SecretStr | None = Field(default=None, min_length=16)
    secret_key: SecretStr | None = Field(default=None, min_length=SECRET_KEY_CHARACTERS)
    secret_key_previous: SecretStr | None = None
    """Keys before that one, comma-separated: they open what they sealed, and seal nothing."""
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    otlp_endpoint: str | None = None
    """Where traces go: the base address of an OTLP/HTTP collector. None: there are none."""
    otlp_ratio: float = Field(default=1.0, ge=0, le=1)
    """The share of traces that begin here and are recorded."""
    outbound: Literal["public", "allowlist"] = "public"
    outbound_allow: str = ""
    smtp_url: SecretStr | None = None
    database_statement_seconds: float = Field(default=limits.DATABASE_STATEMENT_SECONDS, ge=1, le=600)
    """How long a request, a consumer or a claim waits for one statement; then it is refused or tried again."""
    database_read_seconds: float = Field(default=limits.DATABASE_READ_SECONDS, ge=0.1, le=600)
    """The same for GET requests, if it is less: lists, searches, charts."""
    database_work_seconds: float = Field(default=limits.DATABASE_WORK_SECONDS, ge=1, le=3600)
    """The same for due work, pruning and counting."""
    rate_limit_per_second: int = Field(default=limits.RATE_PER_SECOND, ge=1)
    rate_limit_burst: int = Field(default=limits.RATE_BURST, ge=1)
    rate_limit_workspace_per_second: int | None = Field(default=None, ge=1)
    rate_limit_process_per_second: int | None = Field(default=None, ge=1)
    cors_origins: str = ""
    trusted_proxies: str = ""
    max_connections: int = Field(default=limits.CONNECTIONS, ge=16)
    metrics_access: Literal["open", "closed"] = "open"
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    docs_access: Literal["open", "closed"] = "open"
    log_format: Literal["json", "pretty"] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("*", mode="before")
    @classmethod
    def _something(cls, value: object, info: ValidationInfo) -> object:
        """Take an empty text for the default where that is none or empty; elsewhere, and for a secret, nobody means it."""
        if not isinstance(value, str | SecretStr) or _plain(value).strip():
            return value
        field = cls.model_fields[str(info.field_name)]
        if field.default or SecretStr in get_args(field.annotation):
            raise ValueError("must not be empty; leave it out for the default")
        return field.default

    @field_validator("bootstrap_key", "metrics_token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _OF_HEADERS.fullmatch(value.get_secret_value()):
            raise ValueError(
                "must be printable ASCII without spaces around it: it is sent in a header, which takes no other characters"
            )
        return value

    @field_validator("secret_key_previous")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        for number, part in enumerate([] if value is None else value.get_secret_value().split(","), 1):
            if len(part.strip()) < SECRET_KEY_CHARACTERS:
                raise ValueError(f"entry {number} must have at least {SECRET_KEY_CHARACTERS} characters")
        return value

    @field_validator("outbound_allow", "trusted_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        for number, part in enumerate((piece.strip() for piece in value.split(",")), 1):
            if part and not _is_network(part):
                raise ValueError(f"entry {number} is not a network such as 10.0.0.0/8")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: str) -> str:
        for number, part in enumerate((piece.strip() for piece in value.split(",")), 1):
            if part and part != "*" and not (_is_address(part) and part.count("/") == 2):
                raise ValueError(f"entry {number} is not an origin such as https://shop.example")
        return value

    @field_validator("kafka_bootstrap")
    @classmethod
    def _brokers(cls, value: str | None) -> str | None:
        for number, part in enumerate((piece.strip() for piece in (value or "").split(",")), 1):
            if part and not _is_broker(part):
                raise ValueError(f"entry {number} is not a broker such as kafka:9092")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        for number, url in enumerate([] if value is None else _urls(value), 1):
            if not _is_mail_server(url):
                raise ValueError(
                    f"entry {number} must look like smtp://user:password@host:port, or with ?rate=50 behind it; "
                    "write / @ : # ? , in a password as %2F %40 …"
                )
        return value

    @property
    def smtp_urls(self) -> list[str]:
        """Return the mail servers, in the order of preference."""
        return [] if self.smtp_url is None else _urls(self.smtp_url)

    @field_validator("public_url", "oidc_issuer", "otlp_endpoint")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value and not _is_address(value):
            raise ValueError("must look like https://host or https://host:port")
        return value

    @model_validator(mode="after")
    def _issuer_with_audience(self) -> Self:
        if bool(self.oidc_issuer) is not bool(self.oidc_audience):
            # without an audience every token of the issuer, made for whatever application, would open this one
            raise ValueError("OPSLOOP_OIDC_ISSUER and OPSLOOP_OIDC_AUDIENCE: set both or neither")
        return self


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True


def _is_broker(text: str) -> bool:
    try:
        parts = urlsplit(f"//{text}")
        return bool(parts.hostname) and parts.port != 0 and text == parts.netloc and not _NOT_OF_BASES.search(text)
    except ValueError:
        return False


def _urls(servers: SecretStr) -> list[str]:
    # a password may have a comma of its own, as it could where there was one server
    return re.split(r"\s*,\s*(?=smtps?://)", servers.get_secret_value().strip())


def _is_mail_server(text: str) -> bool:
    try:
        parts = urlsplit(text)
        is_server = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
        return is_server and "," not in str(parts.hostname) and bool(_RATE.fullmatch(parts.query))
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not _NOT_OF_BASES.search(text)
        )
    except ValueError:
        return False


def _explained(error: ValidationError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return str(error)  # names the field and the source
    prefix = Settings.model_config["env_prefix"]
    found = error.errors(include_input=False, include_url=False)
    return "; ".join(
        (f"{prefix}{'_'.join(map(str, each['loc'])).upper()}: " if each["loc"] else "")  # of several, which it names
        + _said(each)
        for each in found
    )


def _said(each: ErrorDetails) -> str:
    # pydantic's own words count a secret in items, and tell how many there are
    if each["type"] in ("too_short", "string_too_short"):
        return f"must have at least {each['ctx']['min_length']} characters"
    return each["msg"].removeprefix("Value error, ")
