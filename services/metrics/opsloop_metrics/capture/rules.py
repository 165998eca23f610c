"""What a client's message is to us, whatever its vendor: who did what, when, and what it says of persons.

A vendor's room turns the client's JSON into `Message`s and tells per message what is wrong with it; from then on nobody knows
which vendor it was. Bounds and words for all of them stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b
from uuid import UUID

import orjson
from pydantic import JsonValue

from opsloop_common.http.schemas import addressable
from opsloop_common.invisible import says_something

MAX_ID = 200
"""Characters of an id or a name of an event; a longer one is refused, never cut: two would become one."""
_ORDINARY = re.compile(rf"[!-\-0-~\u4e00-\u9fff][!-.0-~\u4e00-\u9fff]{{0,{MAX_ID - 1}}}")
"""Most ids, seen at a glance: no blank and no slash, no `.` at the front, and nothing that could be invisible or no character."""
MAX_PROPERTIES_BYTES = 900 * 1024
MAX_LEVELS = 20
FIRST_YEAR = 1900
SKEW_IGNORED = timedelta(seconds=5)
"""A clock that differs by less is taken as right: this much a request may be under way."""
FARTHEST_AHEAD = timedelta(hours=24)
"""An event dated further ahead of its receipt, after correction, has a wrong date."""

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)

PAGEVIEW, SCREEN, IDENTIFY, ALIAS, GROUP = "$pageview", "$screen", "$identify", "$alias", "$group"

NOBODY = frozenset(
    {
        "", "anonymous", "guest", "distinct_id", "distinctid", "null", "undefined", "none", "nil", "0", "true", "false",
        "nan", "id", "not_authenticated", "email", "[object object]", "00000000-0000-0000-0000-000000000000",
    }
)  # fmt: skip
"""What broken clients send as an id, in any case. It stands for nobody: merged, it would make one person of many."""


class MessageKind(StrEnum):
    """What a message is for. `DOMAIN` is an event of another service."""

    TRACK = "track"
    PAGE = "page"
    SCREEN = "screen"
    IDENTIFY = "identify"
    ALIAS = "alias"
    GROUP = "group"
    DOMAIN = "domain"


ACTIVITY = frozenset({MessageKind.TRACK, MessageKind.PAGE, MessageKind.SCREEN})
"""What counts where a query asks for any event: what people did, not what was said about them."""


class Reason(StrEnum):
    """Why a message is refused."""

    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_EVENT = "missing_event"
    MISSING_ID = "missing_id"
    BAD_ID = "bad_id"
    BAD_TIME = "bad_time"
    BAD_PROPERTIES = "bad_properties"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    ERASED = "erased"
    MERGE_REFUSED = "merge_refused"
    UNREADABLE = "unreadable"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Link:
    """A claim that another id is the speaker's too. `explicit`: an alias says so, rather than one message carrying both ids."""

    other_id: str
    explicit: bool


@dataclass(frozen=True, slots=True)
class Message:
    """One message of any client.

    `message_id` is what the client calls it; None: it has no name, and each copy is a new one. `distinct_id` is who speaks: the user
    id where it is known (`is_identified`), else an anonymous one. `time` is aware, by the client's clock, None for the moment of
    receipt; `sent_at` is that clock when the message left. `personless` keeps it out of what is counted by person.
    """

    kind: MessageKind
    event: str
    distinct_id: str
    message_id: str | None = None
    is_identified: bool = False
    time: datetime | None = None
    sent_at: datetime | None = None
    properties: Mapping[str, JsonValue] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    traits_set: Mapping[str, JsonValue] = field(default_factory=dict)
    traits_set_once: Mapping[str, JsonValue] = field(default_factory=dict)
    traits_unset: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    group_traits: Mapping[str, JsonValue] = field(default_factory=dict)
    personless: bool = False
    ip: str | None = None
    user_agent: str | None = None
    url: str | None = None
    referrer: str | None = None
    title: str | None = None
    locale: str | None = None
    library: str = ""
    app_version: str | None = None
    session_id: str | None = None
    historical: bool = False
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """One message that is refused, and why; the others of its batch are taken. `raw` is kept for whoever looks for the fault.

    Of a row of a file, `column` is the one that is at fault, where one is, and `value` what stands there.
    """

    index: int
    reason: Reason
    detail: str
    raw: JsonValue
    message_id: str | None = None
    column: str | None = None
    value: JsonValue = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body held: messages with their place in it, and what was wrong with the others."""

    messages: tuple[tuple[int, Message], ...] = ()
    problems: tuple[Problem, ...] = ()


class Unreadable(Exception):
    """A body that is no batch of this vendor's at all; `detail` says why, and `pointer` which part of the request would mend it."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer


class Refused(Exception):
    """One message cannot be taken; a vendor's reader makes a `Problem` of it. A row of a file says which cell is at fault."""

    def __init__(self, reason: Reason, detail: str, column: str | None = None, value: JsonValue = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.column = column
        self.value = value


_EXACT = 2**53
"""Beyond it a double stands for several whole numbers: two people would become one."""


def id_of(value: JsonValue, name: str) -> str | None:
    """Return an id as a text, as it came; None where there is none. Numbers are written out.

    Raises Refused for what can be no id: who is called so could not be shown, and not be erased either, by an address.
    """
    if isinstance(value, str) and _ORDINARY.fullmatch(value):  # it is asked three times an event
        return value
    text = written_id(value, name)
    try:
        return text and addressable(text)
    except ValueError as error:
        raise Refused(Reason.BAD_ID, f"{name} {error}") from error


def written_id(value: JsonValue, name: str) -> str | None:
    """Return what tells something apart and is never part of an address, else as `id_of`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refused(Reason.BAD_ID, f"{name} has to be a text or a number")
    if isinstance(value, float):
        if not (value.is_integer() and abs(value) <= _EXACT):
            raise Refused(Reason.BAD_ID, f"{name} is a number that is not whole or not exact; send it as a text")
        value = int(value)
    text = storable(str(value))
    if len(text) > MAX_ID:
        raise Refused(Reason.TOO_LARGE, f"{name} has more than {MAX_ID} characters")
    return None if text.isspace() else text or None


def storable(text: str) -> str:
    """Return a text that every store takes: what is no character (a lone surrogate, NUL) becomes U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "\ufffd")


def is_nobody(id: str) -> bool:
    """Say whether an id stands for nobody, such as `null` or `anonymous`."""
    return id.strip().lower() in NOBODY


def event_name(value: JsonValue) -> str:
    """Return an event's name; raises Refused where it is missing, no text or too long."""
    if not isinstance(value, str) or not says_something(name := storable(value).strip()):
        raise Refused(Reason.MISSING_EVENT, "event has to be a text that says something")
    if len(name) > MAX_ID:
        raise Refused(Reason.TOO_LARGE, f"event has more than {MAX_ID} characters")
    return name


def object_of(value: JsonValue, name: str) -> dict[str, JsonValue]:
    """Return an object as it can be kept, empty for None; raises Refused for another kind, for one too large or too deep."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Refused(Reason.BAD_PROPERTIES, f"{name} has to be an object")
    if not value:
        return {}
    if _levels(value) > MAX_LEVELS:
        raise Refused(Reason.TOO_DEEP, f"{name} has more than {MAX_LEVELS} levels")
    try:
        written = orjson.dumps(value)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return object_of(_storable_values(value, name), name)
    if len(written) > MAX_PROPERTIES_BYTES:
        raise Refused(Reason.TOO_LARGE, f"{name} has more than {MAX_PROPERTIES_BYTES} bytes")
    return _storable_values(value, name) if b"\\u0000" in written else value


def _storable_values(value: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    return {storable(key): _storable_value(each, name) for key, each in value.items()}


def _storable_value(value: JsonValue, name: str) -> JsonValue:
    match value:
        case str():
            return storable(value)
        case dict():
            return _storable_values(value, name)
        case list():
            return [_storable_value(each, name) for each in value]
        case int() if value.bit_length() > 63:
            try:
                return float(value)
            except OverflowError as error:
                raise Refused(Reason.BAD_PROPERTIES, f"{name} has a number beyond what can be counted") from error
    return value


def _levels(value: dict[str, JsonValue]) -> int:
    """Return how deep a value goes, no further than one beyond what is allowed: level by level, so that depth costs no stack."""
    level, found = 0, list[JsonValue]([value])
    while found and level <= MAX_LEVELS:
        level += 1
        found = [child for each in found for child in _children(each) if isinstance(child, dict | list)]
    return level


def _children(value: JsonValue) -> Iterable[JsonValue]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def problem_of(message: Message, reason: Reason, detail: str, *, place: int = 0) -> Problem:
    """Return what the reject log is told of a message that was read; nothing that it said where somebody was erased."""
    said: dict[str, JsonValue] = {
        "event": message.event,
        "distinct_id": message.distinct_id,
        "other_ids": [link.other_id for link in message.links],
        "traits": dict(message.traits_set) | dict(message.traits_set_once) | dict(message.group_traits),
        "groups": dict(message.groups),
    }
    raw: dict[str, JsonValue] = {name: value for name, value in said.items() if value}
    raw["properties"] = dict(message.properties)
    return Problem(place, reason, detail, raw if reason is not Reason.ERASED else None, message.message_id)


def corrected(message: Message, received_at: datetime) -> datetime:
    """Return when it happened by our clock: the client's time, moved by how far its clock was off when it sent.

    A client's clock that is three hours ahead dates both `time` and `sent_at` three hours ahead. Without `sent_at`, and of a
    backfill, the time stands as it is. Raises Refused for a time further ahead than a day.
    """
    if message.time is None:
        return received_at
    time = message.time
    if message.sent_at is not None and not message.historical:
        skew = message.sent_at - received_at
        if abs(skew) > SKEW_IGNORED:
            try:
                time -= skew
            except OverflowError as error:
                raise Refused(Reason.BAD_TIME, "the time is beyond what can be counted") from error
    if time.year < FIRST_YEAR:
        raise Refused(Reason.BAD_TIME, f"the time is before {FIRST_YEAR}")
    if time - received_at > FARTHEST_AHEAD:
        raise Refused(Reason.BAD_TIME, "the time is more than a day ahead")
    return time


def event_id(workspace: str, message_id: str) -> UUID:
    """Return under what id a message is kept: the same for each copy of it in a workspace, whoever sends it."""
    digest = blake2b(f"{workspace}\x00{message_id}".encode(), digest_size=16, person=b"opsloop event")
    return UUID(bytes=digest.digest())


def person_id(workspace: str, distinct_id: str) -> UUID:
    """Return the id of the person that an id nobody has met before makes: known without asking a database."""
    digest = blake2b(f"{workspace}\x00{distinct_id}".encode(), digest_size=16, person=b"opsloop person")
    return UUID(bytes=digest.digest())


@dataclass(frozen=True, slots=True)
class Heard:
    """A message, when it happened by our clock, and who brought it.

    `may_merge_identified`: the credential may say that two people who are both known are one; a publishable key may not.
    """

    message: Message
    at: datetime
    may_merge_identified: bool
    actor: str

    @property
    def time(self) -> datetime:
        """Return when it happened, not before 1900: the driver reads the first moment that there is without a zone."""
        return max(self.at, EARLIEST)


PERSON, IS_PERSONLESS = "person", "is_personless"
COLUMNS = (
    "workspace", "id", "message_id", "import_id", "kind", "event", "time", "received_at", "skew_ms", "distinct_id", "session_id",
    "source", "library", "url", "host", "path", "title", "referrer", "referrer_host", "channel",
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content",
    "browser", "browser_version", "os", "device", "country", "region", "city", "locale", "app_version",
    "is_bot", "is_test", "groups", "properties",
)  # fmt: skip
"""What a row of the event store says before it is known whose it is."""


class Outcome(StrEnum):
    """What became of a message: stored, there already, or refused."""

    STORED = "stored"
    KNOWN = "known"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message on its way into the store. `id` names it for ever; without `is_named` the client gave it none, and it is new.

    `row` has the values of `COLUMNS`, `vendor` says whose client sent it.
    """

    workspace: str
    id: UUID
    is_named: bool
    heard: Heard
    row: tuple[object, ...]
    vendor: str = ""
