"""What the readers of all vendors share: times, speakers, groups, keys, and how a body is packed.

A reader turns a vendor's JSON into messages row by row; whatever is wrong with a row refuses that row alone.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import blake2b
from urllib.parse import parse_qsl

from pydantic import JsonValue

from opsloop_common.foreign import readable
from opsloop_metrics.capture.rules import (
    MAX_ID,
    Link,
    Message,
    Problem,
    Reading,
    Reason,
    Refused,
    Unreadable,
    event_name,
    id_of,
    is_nobody,
    object_of,
    storable,
    written_id,
)

MAX_TEXT = 2048
"""Characters that are kept of a url, a title and the like: they describe, and nobody is told apart by them."""
SAYS_TEST = frozenset({"is_test", "isTest", "$is_test", "$test"})
MAX_FIELDS = 50
"""Fields of a form; the clients send four."""
MAX_MESSAGES = 10_000
"""Messages in one body; the largest that a client sends on its own has some thousand."""
_YEAR_FIRST = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?: +(\d{1,2})(:.*))?", re.ASCII)
FIRST_YEAR, LAST_YEAR = 1970, 2148
"""What the store's days can count."""
WRITE_TIMES = "write 2026-11-20, 2026-11-20 09:30 or 2026-11-20T09:30:00+08:00"
"""What is said of ways in which the year is not first: in 03/04/2026 nobody can tell the day from the month, and nothing is guessed."""


def text_of(value: JsonValue) -> str | None:
    """Return a text that describes, cut to `MAX_TEXT` characters; None for what is none or says nothing."""
    return storable(value).strip()[:MAX_TEXT] or None if isinstance(value, str) else None


def message_id_of(value: JsonValue, name: str) -> str | None:
    """Return what the client calls a message, None where it is a word such as `undefined`: all messages of it would be one."""
    id = written_id(value, name)
    return None if id is None or is_nobody(id) else id


def time_of(value: JsonValue, name: str, zone: tzinfo = UTC) -> datetime | None:
    """Return a time in UTC, None where there is none; raises Refused for what cannot be read.

    A text is ISO 8601, in `zone` where it names no offset: of an hour that comes twice it is the first, and what the
    clocks skip is as much later as they go on. A number, or its digits, counts from 1970: in seconds, milliseconds,
    microseconds or nanoseconds, told apart by how large it is, since each client has its own.
    """
    if value is None or value == "":
        return None
    time = readable(_moment, value, zone)
    if time is None:
        raise Refused(Reason.BAD_TIME, f"{name} is no time that can be read; {WRITE_TIMES}")
    if not FIRST_YEAR <= time.year <= LAST_YEAR:
        raise Refused(Reason.BAD_TIME, f"{name} is before {FIRST_YEAR} or after {LAST_YEAR}")
    return time


def _moment(value: JsonValue, zone: tzinfo) -> datetime | None:
    if isinstance(value, str):
        text = value.strip()
        # eight digits are a day, 20260301
        if len(text) <= 8 or not text.replace(".", "", 1).isdecimal():
            time = moment_of(text)
            return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
        value = float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    unit = next((unit for unit in (1, 1e3, 1e6, 1e9) if abs(value) < 1e11 * unit), None)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=value / unit) if unit else None


def moment_of(text: str) -> datetime:
    """Return a time as it is written, in ISO 8601 or as spreadsheets do with the year first, `2026/1/5 9:30`; a ValueError else."""
    if "T" not in text and (found := _YEAR_FIRST.fullmatch(text)):
        year, _, month, day, hour, rest = found.groups()
        text = f"{year}-{month:0>2}-{day:0>2}" + (f" {hour:0>2}{rest}" if hour else "")
    return datetime.fromisoformat(text)


@contextmanager
def cell(column: str, value: JsonValue) -> Iterator[None]:
    """Say of what is refused inside in which column of a file it stands, and what stands there."""
    try:
        yield
    except Refused as refused:
        raise Refused(refused.reason, refused.detail, column, value) from refused


def clock_of(value: JsonValue) -> datetime | None:
    """Return a client's clock as it sent; None where it cannot be read: then nothing is corrected, and nothing lost."""
    try:
        return time_of(value, "sent at")
    except Refused:
        return None


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks in a message, and which other id is the speaker's by it."""

    distinct_id: str
    is_identified: bool = False
    links: tuple[Link, ...] = ()


def speaker_of(user: str | None, anonymous: str | None, *, is_claim: bool = False) -> Speaker:
    """Return who speaks: the user where there is one, else the anonymous id; both in one message are one person.

    An id that stands for nobody gives way to the other one and is never linked. Raises Refused where there is no id, and in a
    message that claims something of a person (`is_claim`) where that is nobody.
    """
    if user is None and anonymous is None:
        raise Refused(Reason.MISSING_ID, "a message has to say who speaks, by a user id or an anonymous one")
    known = [id for id in (user, anonymous) if id is not None and not is_nobody(id)]
    if is_claim and (user or anonymous) not in known:
        raise Refused(Reason.BAD_ID, f"{user or anonymous!r} stands for nobody")
    if not known:
        return Speaker(user or anonymous or "")
    if known[0] != user:
        return Speaker(known[0])
    return Speaker(user, True, tuple(Link(other, explicit=False) for other in known[1:] if other != user))


def alias_of(previous: str | None, user: str | None) -> Speaker:
    """Return the speaker of an alias: from now on the user, who was `previous`. Raises Refused where one is missing or nobody."""
    if previous is None or user is None:
        raise Refused(Reason.MISSING_ID, "an alias has to name the previous id and the new one")
    if is_nobody(previous) or is_nobody(user):
        raise Refused(Reason.BAD_ID, f"{previous if is_nobody(previous) else user!r} stands for nobody")
    return Speaker(user, True, () if previous == user else (Link(previous, explicit=True),))


@dataclass(frozen=True, slots=True)
class Sender:
    """Who holds the other end of a request, for vendors whose clients have no ids. `secret` is this installation's."""

    ip: str
    user_agent: str
    secret: bytes


def visitor_of(sender: Sender, *, site: str, period: str) -> str:
    """Return the id of a visitor without one: the same for a site and a period such as `2026-03-01`, 32 hexadecimal digits.

    The salt of a period is derived from the secret, so it need not be kept; who has neither cannot tell the address from the id.
    """
    salt = blake2b(period.encode(), key=blake2b(sender.secret).digest(), digest_size=32).digest()
    said = "\x00".join((site, sender.ip, sender.user_agent)).encode(errors="replace")
    return blake2b(said, key=salt, digest_size=16, person=b"opsloop visitor").hexdigest()


def groups_of(value: JsonValue, name: str) -> dict[str, str]:
    """Return groups by their types; of several of one type the first. Raises Refused for what is no object of ids."""
    groups = {}
    for type, given in object_of(value, name).items():
        key = id_of(given[0] if isinstance(given, list) and given else given or None, f"{name}.{type[:MAX_ID]}")
        if key is not None and not is_nobody(key):
            groups[event_name(type)] = key
    return groups


def says_test(*said: JsonValue) -> bool:
    """Say whether any of these objects says plainly that it is of a test."""
    return any(each[name] is True for each in said if isinstance(each, dict) for name in each.keys() & SAYS_TEST)


def library_of(name: JsonValue, version: JsonValue) -> str:
    """Return which client it was, such as `analytics-python/2.4.0`."""
    named = [text[:MAX_ID] for text in (text_of(name), text_of(version)) if text]
    return "/".join(named) if text_of(name) else ""


@dataclass(frozen=True, slots=True)
class Unread:
    """The rows of a body, each to be read by itself: they may be thousands, and others go on in between.

    `one` makes a message of a row; what it refuses is a problem, under the first of `id_names` that the row or its properties have.
    """

    rows: list[JsonValue]
    one: Callable[[dict[str, JsonValue]], Message]
    id_names: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def read(self, index: int) -> tuple[int, Message] | Problem:
        """Read one row."""
        row = self.rows[index]
        if not isinstance(row, dict):
            return Problem(index, Reason.NOT_AN_OBJECT, "a message has to be an object", row)
        try:
            return index, self.one(row)
        except Refused as refused:
            places = [each for each in (row, row.get("properties")) if isinstance(each, dict)]
            ids = (text_of(place.get(name)) for place in places for name in self.id_names)
            id = next(filter(None, ids), None)
            return Problem(index, refused.reason, refused.detail, row, id and id[:MAX_ID])

    def at_once(self) -> Reading:
        """Read all rows, where nobody waits."""
        return reading_of(map(self.read, range(len(self))))


def unread(rows: JsonValue, one: Callable[[dict[str, JsonValue]], Message], *id_names: str) -> Unread:
    """Return rows that can be read; raises Unreadable for what is no list, and for a longer one than any client sends."""
    if not isinstance(rows, list):
        raise Unreadable("the messages have to be a list")
    if len(rows) > MAX_MESSAGES:
        raise Unreadable(f"a body has at most {MAX_MESSAGES} messages")
    return Unread(rows, one, id_names)


def reading_of(read: Iterable[tuple[int, Message] | Problem]) -> Reading:
    """Return what rows that were read came to."""
    messages, problems = [], []
    for each in read:
        if isinstance(each, Problem):
            problems.append(each)
        else:
            messages.append(each)
    return Reading(tuple(messages), tuple(problems))


def told(problems: tuple[Problem, ...]) -> list[JsonValue]:
    """Return what an answer says of refused messages, of the first hundred."""
    return [
        {"index": each.index, "message_id": each.message_id, "reason": str(each.reason), "detail": each.detail}
        for each in problems[:100]
    ]


def credential_of(authorization: str | None) -> str | None:
    """Return the key in an Authorization header: a Bearer's token, or the user name of Basic, where Segment's clients put it."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        key = (readable(b64decode, key, None, True) or b"").decode(errors="ignore").partition(":")[0]
    elif scheme.lower() != "bearer":
        return None
    return None if is_nobody(key) else key


def payload_of(raw: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the JSON in a body that has been inflated, and the other fields where it is a form, whatever its type says.

    Browser clients send `data=<JSON, or base64 of it>` as a form or as text. What is unpacked may be gzip once more. Raises
    Unreadable for a form without data.
    """
    if raw.lstrip()[:1] in (b"{", b"["):
        return raw, {}
    form = dict(readable(_fields, raw) or [])
    if "data" not in form:
        raise Unreadable("the body is neither JSON nor a form with data")
    return unpacked(form.pop("data")), form


def _fields(raw: bytes) -> list[tuple[str, str]]:
    return parse_qsl(raw.decode(), max_num_fields=MAX_FIELDS)


def unpacked(data: str) -> bytes:
    """Return the JSON of a field or query parameter, which may be base64 of any alphabet, padded or not."""
    if data.lstrip()[:1] in ("{", "["):
        return data.encode(errors="replace")
    letters = data.strip().replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    found = readable(b64decode, letters + "=" * (-len(letters) % 4), None, True)
    if found is None:
        raise Unreadable("data is neither JSON nor base64")
    return found
