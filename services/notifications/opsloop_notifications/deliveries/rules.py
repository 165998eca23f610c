"""When the next attempt is due, and what an answer means. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from opsloop_common.foreign import readable
from opsloop_common.limits import CALL_BODY_BYTES

WAITS_SECONDS = (5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
"""Pinned: attempts at 0 and after each of these."""
JITTER = 0.2
RETRY_AFTER_LIMIT = timedelta(hours=24)
RETRY_AFTER_STATUSES = frozenset({429, 503})
GONE = 410
BODY_KEPT_CHARACTERS = 4_096
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GB, _LATIN = "gb18030", "cp1252"  # as browsers read what calls itself GBK and Latin-1
CHARSETS = {
    **{
        name: name
        for name in ("utf-16", "utf-16le", "utf-16be", "big5", "shift_jis", "euc-jp", "iso-2022-jp", "euc-kr")
    },
    **{name: name for name in ("koi8-r", "koi8-u", *(f"windows-125{digit}" for digit in range(9)))},
    **{name: name for name in (f"iso-8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16))},
    **dict.fromkeys(("gbk", "gb2312", "gb18030", "x-gbk", "cp936"), _GB),
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii"), _LATIN),
}
"""Python's codec for a charset that an answer may name. No others: some of Python's codecs are quadratic, or no charsets at all."""
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
TEST_TYPE = "webhook.test"
"""The event that somebody sends to try an endpoint; it goes there only, and is not logged."""


def next_attempt_at(tries: int, now: datetime, *, jitter: float, wait: timedelta | None = None) -> datetime | None:
    """Return when to try again after `tries` attempts, or None when they are used up.

    `jitter` in [0, 1) spreads by up to 20 %, only later; `wait`, what the endpoint asked for, counts when it is longer, up
    to 24 h.
    """
    if tries > len(WAITS_SECONDS):
        return None
    planned = timedelta(seconds=WAITS_SECONDS[tries - 1] * (1 + JITTER * jitter))
    return now + max(planned, min(wait or timedelta(0), RETRY_AFTER_LIMIT))


def retry_after(status: int, value: str | None, now: datetime) -> timedelta | None:
    """Read `Retry-After` (seconds or an HTTP date) of a 429 or 503; anything unreadable is no wish."""
    if status not in RETRY_AFTER_STATUSES or value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    return readable(_time_until, value, now)


def _time_until(date: str, now: datetime) -> timedelta:
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def is_success(status: int) -> bool:
    """Say whether the endpoint took it: 2xx only."""
    return 200 <= status < 300


def failure_of(status: int) -> str:
    """Return the error class of an answer that is no success."""
    if status == GONE:
        return "gone"
    if 300 <= status < 400:
        return "redirect"
    return "http_error"


def shown_body(body: bytes, headers: Mapping[str, str]) -> str | None:
    """Return the first characters of an answer as text that PostgreSQL can keep, or None when it was empty.

    It is unpacked when it came packed all the same, up to the 16 KiB that are read of any, and read in the charset that it
    names when it is one that the web knows.
    """
    if headers.get("content-encoding", "").strip().lower() in PACKED:
        body = readable(_unpacked, body) or body
    text = body.decode(_charset(headers.get("content-type", "")), "replace")
    return text.replace("\x00", "\ufffd")[:BODY_KEPT_CHARACTERS] or None


def _unpacked(body: bytes) -> bytes:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, CALL_BODY_BYTES)  # gzip or zlib


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return CHARSETS.get(found[1].lower(), "utf-8") if found else "utf-8"
