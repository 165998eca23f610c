"""What a command line must be told before it can do anything: where the database is, and what secrets are sealed with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from opsloop_common import database_address
from opsloop_common.secretbox import SecretBox
from opsloop_common.settings import Misconfigured, Settings


@dataclass(frozen=True)
class DatabaseUrls:
    """Where a service's database is: through a pooler perhaps, and directly (advisory locks, LISTEN)."""

    url: str
    direct_url: str


def database_urls(service: str, environ: Mapping[str, str] | None = None) -> DatabaseUrls:
    """Read `<SERVICE>_DATABASE_URL` and `<SERVICE>_DATABASE_DIRECT_URL` (default: the same); raises Misconfigured."""
    environ = os.environ if environ is None else environ
    name, direct = f"{service.upper()}_DATABASE_URL", f"{service.upper()}_DATABASE_DIRECT_URL"
    url = environ.get(name)
    if not url:
        raise Misconfigured(f"{name} is not set: the PostgreSQL database of the {service} service")
    for setting in (name, direct):
        if (given := environ.get(setting)) and not _is_database_url(given):
            raise Misconfigured(
                f"{setting} must look like postgresql://user:password@host:port/database; write / @ : # ? in a password "
                "as %2F %40 %3A %23 %3F"
            )
        try:
            database_address.read(given or url)
        except database_address.BadAddress as error:
            raise Misconfigured(f"{setting}: {error}") from None
    return DatabaseUrls(url, environ.get(direct) or url)


def _is_database_url(text: str) -> bool:
    """Say whether SQLAlchemy reads this as it was meant. Its own errors, and the driver's, quote parts of it."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError):
        return False
    return url.get_backend_name() == "postgresql" and "@" not in (url.host or "") and 0 < (url.port or 5432) < 65536


def secret_of(settings: Settings) -> str:
    """Return what secrets are sealed with; raises Misconfigured."""
    if settings.secret_key is None:
        raise Misconfigured(
            "OPSLOOP_SECRET_KEY is not set: at least 32 characters, the same in all processes of a service"
        )
    return settings.secret_key.get_secret_value()


def box_of(settings: Settings) -> SecretBox:
    """Return what seals with the present key, and opens with those before it too; raises Misconfigured."""
    given = settings.secret_key_previous
    previous = [] if given is None else [key.strip() for key in given.get_secret_value().split(",")]
    return SecretBox(secret_of(settings), previous=previous)
