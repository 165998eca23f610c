"""Reads the address of a page: host, path and query, each in one spelling."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import idna

from opsloop_common.foreign import readable
from opsloop_metrics.capture.rules import storable

MAX_URL = 4_096
"""Characters of a URL that are looked at and kept."""
MAX_PARAMETERS = 100
"""Parameters of a query that are looked at."""
REMEMBERED = 1_024
"""Addresses whose reading is kept at hand, most of all those that link here: at most 16 MB, if all are as long as can be."""
MAX_PATH = 1_000
MAX_HOST = 253

_BARE = re.compile(r"(?:(?:[\w-]+\.)+[\w-]+|localhost)(?::\d+)?(?:[/?#]|$)")
"""A host without a scheme before it, as some clients write."""
_TEST_HOST = re.compile(r"(?:.*\.)?(?:localhost|local|test)|127(?:\.\d{1,3}){3}|0\.0\.0\.0|::1")
_WEB = frozenset({"", "http", "https"})


class Page(NamedTuple):
    """A page's address; empty where there is none."""

    url: str = ""
    host: str = ""
    path: str = ""
    query: str = ""
    is_test: bool = False


def page_of(url: str | None) -> Page:
    """Return what an address says, or only its text where nobody can read it.

    The host is in lower case and in its own script, without a port. The path is decoded and has neither a query nor a slash at its
    end. `is_test`: a web page on a developer's machine; an app's own pages (`capacitor://localhost`) are none.
    """
    return _read(url[:MAX_URL]) if url else Page()


@lru_cache(maxsize=REMEMBERED)
def _read(url: str) -> Page:
    text = storable(url).strip()
    parts = readable(urlsplit, f"//{text}" if _BARE.match(text) else text)
    if not isinstance(parts, SplitResult):
        return Page(text)
    host = _host(parts)
    return Page(
        url=text,
        host=host,
        path=_path(parts.path) if host or parts.path.startswith("/") else "",
        query=parts.query,
        is_test=parts.scheme in _WEB and _TEST_HOST.fullmatch(host) is not None,
    )


def parameters_of(query: str) -> dict[str, str]:
    """Return the first value of each name (in lower case) that has one."""
    found: dict[str, str] = {}
    if not query:
        return found
    for name, value in parse_qsl("&".join(query.split("&", MAX_PARAMETERS)[:MAX_PARAMETERS])):
        found.setdefault(name.lower(), storable(value).strip())
    return found


def without_www(host: str) -> str:
    """Return a host as people call it."""
    return host.removeprefix("www.")


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".")
    if len(host) > MAX_HOST:
        return ""
    return readable(idna.decode, host) or host if "xn--" in host else host


def _path(path: str) -> str:
    decoded = storable(unquote(path, errors="replace")) if "%" in path else path
    if "\ufffd" in decoded:
        decoded = path  # in no script of ours: as it came, so that two pages stay two
    return decoded[:MAX_PATH].rstrip("/") or "/"
