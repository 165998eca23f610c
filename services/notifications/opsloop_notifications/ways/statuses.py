"""What an HTTP status says where a provider means what it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from opsloop_notifications.formats.rules import cut, one_line
from opsloop_notifications.ways.port import Outcome, Verdict

WORDS = 300
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
LATER = frozenset({408, 425, 429})
TOO_FAST = 429


def words_of(body: str) -> str | None:
    """Return what an answer says, as one short line of what is shown."""
    return cut(one_line(body), WORDS) or None


def wait_of(headers: Mapping[str, str]) -> timedelta | None:
    """Return for how long a Retry-After in seconds asks to be left alone, a day at most."""
    said = headers.get("retry-after", "").strip()
    if not (said.isascii() and said.isdigit() and len(said) <= 9):
        return None
    return min(timedelta(seconds=int(said)), DAY)


def by_status(status: int, headers: Mapping[str, str], body: str) -> Verdict:
    """Return what a status means: 2xx is sent; 408, 425, 429 and 5xx are later; the rest is for good, and 3xx is never followed."""
    if 200 <= status < 300:
        return Verdict(Outcome.SENT)
    detail = f"{status}: {words_of(body) or '–'}"
    if status in LATER or status >= 500:
        return Verdict(Outcome.LATER, detail, wait_of(headers) or (MINUTE if status == TOO_FAST else None))
    return Verdict(Outcome.FAILED, detail)
