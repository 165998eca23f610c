"""The address of a database as operators write it, libpq's parameters included, and what asyncpg is told of it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from opsloop_common import limits
from opsloop_common.known_names import unknown

_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_VALUES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": _TLS_VERSIONS,
    "ssl_max_protocol_version": _TLS_VERSIONS,
    "target_session_attrs": ("any", "primary", "standby", "read-write", "read-only", "prefer-standby"),
}
_READ_BY_ASYNCPG = (
    *_VALUES,
    *("sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"),
    *("passfile", "krbsrvname", "gsslib", "options"),
)
_READ_BY_SQLALCHEMY = ("host", "port", "prepared_statement_cache_size")
_NUMBERS = ("connect_timeout", "statement_cache_size", "prepared_statement_cache_size")
PARAMETERS = frozenset({*_READ_BY_ASYNCPG, *_READ_BY_SQLALCHEMY, *_NUMBERS, "application_name", "ssl"})


class BadAddress(ValueError):
    """The address cannot be used; the text names the parameter at fault, and no value: that may be a secret."""


@dataclass(frozen=True)
class Address:
    """Who enters which database where (`url`), under what name, and how asyncpg connects besides."""

    url: URL
    application_name: str | None
    options: Mapping[str, Any]


def read(text: str) -> Address:
    """Read `postgres://…`, `postgresql://…` or an address with an explicit driver. Raises BadAddress."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+asyncpg")
        given = _given(url)
        url = url.set(query={name: url.query[name] for name in _READ_BY_SQLALCHEMY if name in url.query})
        url.get_dialect()().create_connect_args(url)
    except ArgumentError as error:
        raise BadAddress("its hosts and ports do not go together") from error
    options: dict[str, Any] = {}
    passed = {name: given[name] for name in _READ_BY_ASYNCPG if name in given}
    if passed:
        options["dsn"] = f"postgresql:///?{urlencode(passed)}"
    if "statement_cache_size" in given:
        options["statement_cache_size"] = int(given["statement_cache_size"])
    if seconds := int(given.get("connect_timeout", 0)):  # 0 is libpq's for ever, which nobody waits here
        options["timeout"] = min(float(seconds), limits.DATABASE_CONNECT_SECONDS)
    return Address(url, given.get("application_name"), options)


def _given(url: URL) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in url.query.items():
        if name not in PARAMETERS:
            raise BadAddress(unknown(name, PARAMETERS, what="parameter that is known here"))
        if isinstance(value, str):
            given["sslmode" if name == "ssl" else name] = value
        elif name not in ("host", "port"):
            raise BadAddress(f"{name} is given twice")
    for name, value in given.items():
        told = "ssl" if "ssl" in url.query and name == "sslmode" else name
        if name in _VALUES and value not in _VALUES[name]:
            raise BadAddress(f"{told} must be one of {', '.join(_VALUES[name])}")
        if name in _NUMBERS and not (value.isascii() and value.isdigit() and len(value) < 10):
            raise BadAddress(f"{told} must be a whole number, 0 or more")
    _require_readable(given)
    return given


def _require_readable(given: Mapping[str, str]) -> None:
    """Raise BadAddress for a file that TLS would not find or not understand: at the start, rather than at each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    password = given.get("sslpassword", "")
    for name, value in given.items():
        try:
            if name in ("sslrootcert", "sslcrl"):
                context.load_verify_locations(cafile=value)
            elif name == "sslcert":
                context.load_cert_chain(value, given.get("sslkey"), password=lambda: password)
        except (OSError, ValueError) as error:
            raise BadAddress(f"{name} names no file that can be read as certificates") from error
