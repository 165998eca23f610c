"""Field types and model bases of the HTTP shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from opsloop_common.access.principal import SLUG
from opsloop_common.clock import rfc3339
from opsloop_common.conditions import Op
from opsloop_common.documents import require_known_names
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.strict_json import text_flaw
from opsloop_common.invisible import comparable, says_something, visible
from opsloop_common.mailboxes import ADDRESS_PATTERN, MAX_ADDRESS_CHARACTERS, address_flaw

AT_FIELD = "at_field"
"""The kind of what `at_field` makes."""
_STRICT = frozenset({"int", "float", "bool", "str"})


def _tighten(schema: Any, model: type[BaseModel]) -> None:
    # JSON knows numbers, strings and truth values apart: "5" is no number and 1 is not true
    if isinstance(schema, dict):
        kind = schema.get("type")  # of a schema; under a field named "type", another schema
        if kind == "model" and (inner := schema["cls"]) is not model and issubclass(inner, InModel):
            return  # it has seen to its own
        if isinstance(kind, str) and kind in _STRICT:
            schema.setdefault("strict", True)
        if kind == "list":
            # 100,000 bad ids would be 100,000 errors, of which a problem document shows 20
            schema.setdefault("fail_fast", True)
        for value in schema.values():
            _tighten(value, model)
    elif isinstance(schema, list | tuple):
        for value in schema:
            _tighten(value, model)


@cache  # of each class once: a batch of 1,000 rows asks as often
def _names_of(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


class InModel(BaseModel):
    """Base of request bodies: unknown fields are refused, and no value is turned into another type.

    Of a list only the first bad item is told, of an object with unknown names only those, each with the nearest known one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_timedelta="iso8601")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Make numbers, strings and booleans strict."""
        schema = handler(source)
        _tighten(schema, cls)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _has_known_names(cls, value: Any) -> Any:
        return require_known_names(value, _names_of(cls))


class OutModel(BaseModel):
    """Base of answers: no defaults, so that generated clients see every field as present."""

    model_config = ConfigDict(from_attributes=True, frozen=True, ser_json_timedelta="iso8601")

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Refuse defaults."""
        super().__pydantic_init_subclass__(**options)
        for name, field in cls.model_fields.items():
            if not field.is_required():
                raise TypeError(f"{cls.__name__}.{name}: fields of answers have no defaults")


class ConditionOut(OutModel):
    """A condition on an event."""

    field: str
    op: Op
    value: JsonValue


class RegexConditionOut(OutModel):
    """A regular expression that matches in a text of an event."""

    field: str
    op: Literal["regex"]
    value: str


class AllOut(OutModel):
    """Terms of a filter that all have to hold."""

    all: list[AllOut | AnyOut | RegexConditionOut | ConditionOut]


class AnyOut(OutModel):
    """Terms of a filter of which one has to hold."""

    any: list[AllOut | AnyOut | RegexConditionOut | ConditionOut]


AllOut.model_rebuild()  # groups are made of groups of either kind
FilterTermOut = AllOut | AnyOut | RegexConditionOut | ConditionOut


def absent() -> Any:
    """Be the `default_factory` of a patch's field that may be left out but not be null; what it returns is never looked at.

    A default would promise a value in the contract, and clients made from it would send that.
    """
    return None


def storable(value: str) -> str:
    """Refuse a text that could not be stored."""
    if detail := text_flaw(value):
        raise ValueError(detail)
    return value


def said(value: str) -> str:
    """Refuse a text that could not be stored, or in which a reader would see nothing."""
    if not says_something(storable(value)):
        raise ValueError("must say something")
    return value


def plain_text(value: str) -> str:
    """Refuse a text with what nobody sees: it stands beside other people's text, which a mark of direction would turn round."""
    if comparable(value) != value:
        raise ValueError(f"must not contain what nobody sees: {visible(value)[:MAX_ID_CHARACTERS]}")
    return value


def in_words(
    pattern: str, words: str, *, longest: int, like: Callable[[str], str] = str, examples: Sequence[str] = ()
) -> tuple[object, ...]:
    """Return what holds a text to a pattern (with `^` and `$`, which the contract tells machines), and tells people in words.

    What `like` makes of a refused text is told as the nearest, if it fits: `zh_CN` is refused with `did you mean zh-CN?`.
    """
    fits = re.compile(pattern.removeprefix("^").removesuffix("$"))

    def require(value: str) -> str:
        if len(value) <= longest and fits.fullmatch(value):
            return value
        near = like(comparable(value[: 2 * longest]).strip())
        raise ValueError(words + (f"; did you mean {near}?" if len(near) <= longest and fits.fullmatch(near) else ""))

    told: dict[str, Any] = {"type": "string", "maxLength": longest, "pattern": pattern}
    return AfterValidator(require), WithJsonSchema(told | ({"examples": list(examples)} if examples else {}))


def plain_address(value: str) -> str:
    """Refuse an address that could name somebody else in the header of a mail, or that the internet cannot have."""
    if detail := address_flaw(value):
        raise ValueError(detail)
    if "." not in value.rpartition("@")[2]:
        raise ValueError("must have a domain with a dot, such as example.com")
    return value


_CONTROLS = r"\x00-\x1f\x7f-\x9f\ufffd"  # U+FFFD stands where the bytes of an address were no UTF-8
_STEP = rf"([^./{_CONTROLS}][^/{_CONTROLS}]*|\.[^./{_CONTROLS}][^/{_CONTROLS}]*|\.\.[^/{_CONTROLS}]+)?"
MAX_ID_CHARACTERS = 200
ID_PATTERN = rf"^{_STEP}(/{_STEP})*$"
"""Of ids that others give, for machines: no control characters, and no step `.` or `..`, which clients take out of an address."""
_ID = re.compile(ID_PATTERN.removesuffix("$"))


def addressable(value: str) -> str:
    """Refuse an id that could not stand in a body, a path and a query alike."""
    if _ID.fullmatch(storable(plain_text(value))):
        return value
    if {".", ".."}.isdisjoint(value.split("/")):
        raise ValueError("must not contain control characters or U+FFFD")
    raise ValueError("must not have . or .. as a whole or between slashes: clients take those out of an address")


_DURATION = re.compile(r"P(?!$)(?:(\d{1,6})W)?(?:(\d{1,6})D)?(?:T(?!$)(?:(\d{1,8})H)?(?:(\d{1,8})M)?(?:(\d{1,10})S)?)?")


def parse_duration(value: Any) -> timedelta:
    """Read an ISO 8601 duration of whole weeks, days, hours, minutes and seconds; a ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("must be an ISO 8601 duration such as PT1H or P7D")
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def at_field(field: str, words: str) -> PydanticCustomError:
    """Return what a rule over several fields raises about one of them, so that the refusal points there."""
    return PydanticCustomError(AT_FIELD, "{words}", {"field": field, "words": words})


def format_duration(value: timedelta) -> str:
    """Write a duration as RFC 3339 has it, in days, hours, minutes and whole seconds: no fractions, and no seconds after hours."""
    minutes, seconds = divmod(value // timedelta(seconds=1), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes or (hours and seconds) else "")
    time += f"{seconds}S" if seconds else ""
    text = "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "")
    return text if text != "P" else "PT0S"


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")


EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def parse_timestamp(value: Any) -> datetime:
    """Read an RFC 3339 time with its offset, as UTC; a ValueError for anything else.

    Not before 1900, and not in the last second of 9999: the driver writes the first and the last moment that Python knows as
    infinities, and reads those without a zone.
    """
    if isinstance(value, datetime):  # out of our own database, also one of those moments
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        raise ValueError("must be an RFC 3339 time with its offset, such as 2026-11-22T08:00:00Z")
    try:
        # more than microseconds is cut off; leap seconds are not told apart
        with reading():
            found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.upper().replace("Z", "+00:00")))
            found = found.astimezone(UTC)
    except Unreadable as error:
        raise ValueError("must be a time that exists") from error
    if not EARLIEST <= found <= LATEST:
        raise ValueError("must lie between the years 1900 and 9999")
    return found


def _as_slug(value: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")


def _as_tag(value: str) -> str:
    return re.split(r"[.@]", value)[0].replace("_", "-")


Slug = Annotated[
    str, *in_words(SLUG, "must be lower-case letters, digits and hyphens, up to 63", longest=63, like=_as_slug)
]
"""`severe-share`; also the form of workspace names."""
GivenId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID_CHARACTERS),
    AfterValidator(addressable),  # in words; the contract's pattern is for machines
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS, "pattern": ID_PATTERN}),
]
"""An id that others give, kept as it came; in a path it is percent-encoded and takes the rest: `{user_id:path}`, routed last.

A slash in it is sent as `%2F`: then `/v1/users/a%2Fids` is the person `a/ids`, and `/v1/users/a/ids` are the ids of `a`."""
UserId = GivenId
"""A person as the operated product names them."""
_USER_ID: TypeAdapter[str] = TypeAdapter(UserId, config=ConfigDict(strict=True))
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(said)]
"""A name or title."""
Locale = Annotated[
    str,
    *in_words(
        r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}$",
        "must be a BCP 47 language tag such as zh-CN",
        longest=35,
        like=_as_tag,
    ),
]
"""A BCP 47 language tag."""
EmailAddress = Annotated[
    str,
    AfterValidator(plain_address),  # in words; the contract's pattern is for machines
    WithJsonSchema({"type": "string", "maxLength": MAX_ADDRESS_CHARACTERS, "pattern": ADDRESS_PATTERN}),
]
"""An address that could exist; that it does is known when mail arrives."""
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT1H"]}),
]
"""An ISO 8601 duration."""
Timestamp = Annotated[
    datetime,
    BeforeValidator(parse_timestamp),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T08:00:00Z"]}),
]
"""An RFC 3339 time; kept in UTC."""


def is_user_id(value: object) -> bool:
    """Say whether a value may name a person."""
    try:
        _USER_ID.validate_python(value)
    except ValidationError:
        return False
    return True
