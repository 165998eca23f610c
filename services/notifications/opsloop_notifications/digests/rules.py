"""When a digest goes out, and what it says. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

from opsloop_notifications.consent.rules import moment
from opsloop_notifications.wording.rules import Said, say

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ENTRIES = 20
"""So many are listed; of more the number is told."""
EXCERPT_CHARACTERS = 200
_LISTED = "{% for entry in entries %}**{{ entry.subject }}**\n\n{{ entry.excerpt }}\n\n{% endfor %}"
_WORDS = [
    {
        "locale": "en",
        "email": {
            "subject": "{{ name }}: {{ count }} {% if count == 1 %}message{% else %}messages{% endif %}",
            "body": f"{_LISTED}{{% if more > 0 %}}… and {{{{ more }}}} more{{% endif %}}",
        },
    },
    {
        "locale": "zh-CN",
        "email": {
            "subject": "{{ name_zh }}：{{ count }} 条消息",
            "body": f"{_LISTED}{{% if more > 0 %}}……另有 {{{{ more }}}} 条{{% endif %}}",
        },
    },
]


class Entry(NamedTuple):
    """One message as a digest lists it."""

    subject: str
    body: str


def window_end(digest: Mapping[str, Any], zone: tzinfo, now: datetime) -> datetime:
    """Return when the window that `now` lies in ends, in UTC: at the full hour, or when clocks first show the time of its day.

    A window that ends now is over. A time that clocks skip is the moment at which they do.
    """
    local = now.astimezone(zone)
    if digest["every"] == "hour":
        past = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return (now - past + timedelta(hours=1)).astimezone(UTC)
    at = time.fromisoformat(digest["at"])
    days = (
        local.date() + timedelta(days=day) for day in range(-1, 9)
    )  # clocks set back over midnight show yesterday again
    ends = (
        moment(datetime.combine(day, at), zone, fold=0)
        for day in days
        if digest["every"] == "day" or WEEKDAYS[day.weekday()] == digest["weekday"]
    )
    return next(end for end in ends if end > now)


def words(name: str, name_zh: str, entries: Sequence[Entry], count: int) -> list[Said]:
    """Return what the mail says in both languages; `entries` are the first of so many."""
    listed = entries[:ENTRIES]
    data = {
        "name": name,
        "name_zh": name_zh,
        "count": count,
        "more": count - len(listed),
        "entries": [{"subject": entry.subject, "excerpt": _excerpt(entry.body)} for entry in listed],
    }
    return say(_WORDS, data, ["email"])


def _excerpt(body: str) -> str:
    text = " ".join(body.split())
    return text if len(text) <= EXCERPT_CHARACTERS else f"{text[: EXCERPT_CHARACTERS - 1]}…"
