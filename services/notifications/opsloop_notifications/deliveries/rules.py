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
WISHES_READ = 20
GONE = 410
BODY_KEPT_CHARACTERS = CALL_BODY_BYTES
ABORTED = "aborted"
"""The endpoint answered, without success, that this delivery is not to be tried again."""
ENDED_BY_THE_ENDPOINT = frozenset({"gone", ABORTED})
PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_BARE_DEFLATE = -zlib.MAX_WBITS  # as some send it, against RFC 9110, 8.4.1.2
_CODINGS = re.compile(r"[a-z0-9-]{1,20}(?:, ?[a-z0-9-]{1,20}){0,3}", re.ASCII)
_NAMES = {
    "utf-16-le": "utf-16le ucs-2 unicode csunicode iso-10646-ucs-2",
    "utf-16": "utf-16 unicodefeff",
    "utf-16-be": "utf-16be unicodefffe",
    "gb18030": "gb18030 gbk x-gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 iso-ir-58 cp936 ms936 windows-936",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5 cp950 windows-950",
    "cp932": "shift_jis shift-jis sjis x-sjis csshiftjis ms_kanji ms932 cp932 windows-31j windows-932",
    "euc-jp": "euc-jp x-euc-jp",
    "iso-2022-jp": "iso-2022-jp csiso2022jp",
    "cp949": "euc-kr cseuckr korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 iso-ir-149 cp949 windows-949 uhc",
    "cp874": "windows-874 dos-874 tis-620 tis620 iso-8859-11 iso8859-11",
    "koi8-r": "koi8-r koi8_r koi8 koi cskoi8r",
    "koi8-u": "koi8-u koi8-ru",
    "cp866": "ibm866 cp866 866",
    "mac-roman": "macintosh mac x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp1252": "us-ascii ascii ansi_x3.4-1968 iso-8859-1 iso8859-1 iso_8859-1 latin1 latin-1 l1 windows-1252 cp1252 x-cp1252",
    **{f"cp125{n}": f"windows-125{n} cp125{n} x-cp125{n}" for n in (0, 1, 3, 4, 5, 6, 7, 8)},
    **{f"iso-8859-{n}": f"iso-8859-{n} iso8859-{n} iso_8859-{n}" for n in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
}
CHARSETS = {name: codec for codec, names in _NAMES.items() for name in names.split()}
"""Python's codec for a charset that an answer may name: the names that browsers know, and read as they do.

No others: some of Python's codecs are quadratic, or no charsets at all.
"""
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
AGAIN = " again"
IN_ORDER = " in order"
"""What the lines of an endpoint are called behind its id, but that of first attempts: what failed already, what is delivered in order."""
TEST_TYPE = "webhook.test"
"""The event that somebody sends to try an endpoint; it goes there only, and is not logged."""

MOST_COUNTED = 1_000
"""So many that wait in a line are counted."""


def stream_of(service: str, partitionkey: str) -> str:
    """Return what the stream of an event is called: two services may have streams of one partition key."""
    return f"{service}:{partitionkey}"


def lines_of(webhook_id: object) -> tuple[str, str, str]:
    """Return the `group_key`s of an endpoint, first that of first attempts: none of these lines waits for another."""
    return f"{webhook_id}", f"{webhook_id}{AGAIN}", f"{webhook_id}{IN_ORDER}"


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
    """Read `Retry-After` (seconds or an HTTP date) of a 429 or 503; anything unreadable is no wish, and of several the longest counts."""
    if status not in RETRY_AFTER_STATUSES or value is None:
        return None
    # a date can be read without the name of its day, which has a comma behind it
    wishes = [_wish(each.strip(), now) for each in value.split(",", WISHES_READ)[:WISHES_READ]]
    return max((wish for wish in wishes if wish is not None), default=None)


def _wish(value: str, now: datetime) -> timedelta | None:
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value.lstrip("0")[:9] or 0), 10**8))
    return readable(_time_until, value, now)


def _time_until(date: str, now: datetime) -> timedelta:
    moment = parsedate_to_datetime(date)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def is_success(status: int) -> bool:
    """Say whether the endpoint took it: 2xx only."""
    return 200 <= status < 300


def failure_of(status: int, wish: str | None = None) -> str:
    """Return the error class of an answer that is no success; `wish` is its `webhook-delivery` header."""
    if status == GONE:
        return "gone"
    if wish is not None and "abort-message" in (each.strip().lower() for each in wish.split(",", WISHES_READ)):
        return ABORTED
    if 300 <= status < 400:
        return "redirect"
    return "http_error"


def shown_body(body: bytes, headers: Mapping[str, str]) -> str | None:
    """Return the first characters of an answer as text that PostgreSQL can keep, or None when it was empty.

    It is unpacked when it came packed all the same, up to the 16 KiB that are read of any, and read in the charset that it
    names when it is one that the web knows. What is packed in a way that we do not know is said in words instead.
    """
    codings = headers.get("content-encoding", "").strip().lower()
    if _CODINGS.fullmatch(codings):
        for coding in reversed([name.strip() for name in codings.split(",")]):
            if coding in PACKED:
                body = _unpacked(body, coding)
            elif coding != "identity" and body:
                return f"(packed as {coding}, which is not unpacked)"
    text = body.decode(_charset(headers.get("content-type", "")), "replace")
    return text.replace("\x00", "\ufffd")[:BODY_KEPT_CHARACTERS] or None


def _unpacked(body: bytes, coding: str) -> bytes:
    """Return what is packed, at most so much as is read of any answer; what is not packed as it says stays as it is."""
    found = readable(_inflated, body, _GZIP_OR_ZLIB)
    if found is None and coding == "deflate":
        found = readable(_inflated, body, _BARE_DEFLATE)
    return body if found is None else found


def _inflated(body: bytes, wbits: int) -> bytes:
    return zlib.decompressobj(wbits=wbits).decompress(body, CALL_BODY_BYTES)


def _charset(content_type: str) -> str:
    found = _CHARSET.search(content_type)
    return CHARSETS.get(found[1].lower(), "utf-8") if found else "utf-8"
