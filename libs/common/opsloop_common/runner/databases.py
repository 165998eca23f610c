"""What a command says, in one line, when its database cannot be reached, lets it not in, or lets it not do what it has to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLError

import asyncpg
from asyncpg.exceptions import ClientConfigurationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from opsloop_common.faults import is_transient
from opsloop_common.settings import Unusable

_REACH = "Is PostgreSQL up there, and may it be reached from here?"
_TLS = "Mend the parameters behind the address (docs/distributed.md)."
_ADVICE = {
    "28": "Give a user and password that PostgreSQL knows.",
    "3D": "Create the database, or name the one that is meant.",
    "42501": "Migrations run as the owner of the database, who may create roles or is a member of the service's (docs/distributed.md).",
    "42P01": "Run `migrate` first.",
}


@contextmanager
def told_in_words(service: str, *, direct: bool = False) -> Iterator[None]:
    """Raise Unusable, which names the setting, for what PostgreSQL or the way to it refuses; anything else passes.

    `direct` says that the direct URL is used where there is one.
    """
    try:
        yield
    except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        advice = _advice(error)
        if advice is None:
            raise
        url, direct_url = f"{service.upper()}_DATABASE_URL", f"{service.upper()}_DATABASE_DIRECT_URL"
        setting = direct_url if direct and os.environ.get(direct_url) else url
        raise Unusable(f"{setting}: {_said(error)}. {advice}") from error


def _advice(error: Exception) -> str | None:
    if isinstance(_innermost(error), ClientConfigurationError | SSLError):
        return _TLS
    state = str(getattr(_innermost(error), "sqlstate", None) or "")
    for beginning, advice in _ADVICE.items():
        if state.startswith(beginning):
            return advice
    return _REACH if is_transient(error) else None


def _innermost(error: BaseException) -> BaseException:
    """Return the driver's own error: SQLAlchemy's text has its class, and the statement behind it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _said(error: Exception) -> str:
    found = _innermost(error)
    words = getattr(found, "strerror", None) or str(found) or "no answer in time"
    return words.partition("\n")[0].rstrip(".")
