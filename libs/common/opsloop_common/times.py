"""Times for people: in the way of their locale (CLDR, from Babel) and in a time zone, which is always said."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, get_timezone_gmt

from opsloop_common.foreign import readable
from opsloop_common.numbers import known_locale

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def moment_in(text: str) -> datetime | None:
    """Return the moment that an RFC 3339 time says, None for any other text."""
    return readable(datetime.fromisoformat, text) if _RFC3339.fullmatch(text) else None


def time_for_people(moment: datetime, locale: str, zone: str) -> str:
    """Write a moment as people of a BCP 47 locale do, in an IANA zone: `Nov 26, 2026, 2:40:20 PM (UTC)`.

    What no calendar of that zone has (the year 0) is written in UTC, ISO 8601.
    """
    local = readable(moment.astimezone, ZoneInfo(zone))
    if local is None:
        return moment.isoformat()
    known = known_locale(locale)
    offset = "UTC" if not local.utcoffset() else get_timezone_gmt(local, "long", locale=known)
    return f"{format_datetime(local, 'medium', tzinfo=local.tzinfo, locale=known)} ({offset})"
