"""Settings of the feedback service."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator

from opsloop_common import limits
from opsloop_common.foreign import readable
from opsloop_common.mailboxes import address_flaw
from opsloop_common.settings import Settings

CLAMAV_PORT = 3310


class FeedbackSettings(Settings):
    """What this service reads besides the common settings."""

    attachments_path: Path | None = None
    """The folder in which files are kept. The one process sets it below its data directory; replicas need one that they share."""
    attachments_bucket: SecretStr | None = None
    """The bucket that keeps them instead: `https://key:secret@host/bucket/prefix?region=…`."""
    attachments_bytes: int = Field(default=limits.ATTACHMENTS_BYTES_PER_WORKSPACE, ge=1)
    """What all files of a workspace may have together."""
    clamav_url: str | None = None
    """Who looks at files for viruses: `tcp://host:3310`. None: nobody."""

    reply_domain: str | None = Field(default=None, max_length=180)
    """Whose mail comes to us (`OPSLOOP_REPLY_DOMAIN`): answers to replies are sent to `reply+…@` there."""

    @field_validator("reply_domain")
    @classmethod
    def _domain(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or address_flaw(f"reply@{value}") is not None):
            raise ValueError("must be a domain such as mail.example.com")
        return value

    @field_validator("attachments_bucket")
    @classmethod
    def _bucket(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _is_bucket(value.get_secret_value()):
            raise ValueError(
                "must look like https://key:secret@host/bucket; write / @ : # ? in the secret as %2F %40 …"
            )
        return value

    @field_validator("clamav_url")
    @classmethod
    def _clamav(cls, value: str | None) -> str | None:
        if value is not None and _address(value) is None:
            raise ValueError("must look like tcp://host:3310")
        return value

    @property
    def clamav_address(self) -> tuple[str, int] | None:
        """Return host and port of who looks for viruses."""
        return None if self.clamav_url is None else _address(self.clamav_url)


def _is_bucket(text: str) -> bool:
    parts = readable(_parts, text)
    return bool(
        parts
        and parts.scheme in ("http", "https")
        and parts.hostname
        and parts.username
        and parts.password
        and parts.path.strip("/")
    )


def _address(text: str) -> tuple[str, int] | None:
    parts = readable(_parts, text)
    if parts is None or parts.scheme != "tcp" or not parts.hostname or parts.path.strip("/"):
        return None
    return parts.hostname, parts.port or CLAMAV_PORT


def _parts(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.port == 0:  # reading it also raises for what is no port
        raise ValueError("no port")
    return parts
