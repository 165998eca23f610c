"""Conditions on events: what they may say and what they mean, the same in playbooks, webhook filters and measures.

What an event lacks counts as null: producers may add fields and leave out optional ones, so the two must not differ. Kinds of JSON
are kept apart: 1 equals 1.0, never "1" or true. Texts go by code point, without what nobody sees (`invisible`), and so do the times
of events, RFC 3339 in UTC: their order is right to the second.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic import ValidationInfo as Info

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.fields import all_fields
from opsloop_common.documents import require_known_names
from opsloop_common.invisible import comparable, comparable_value
from opsloop_common.known_names import unknown

MAX_CONDITIONS = 20
MAX_VALUES = 100
MAX_TEXT = 1_000

DATA_FIELD = r"data(\.[^.\x00]{1,100}){1,10}"
DATA_FIELD_CHARACTERS = len("data") + 10 * len("." + 100 * "x")
ATTRIBUTES = "|".join(name for name in Event.model_fields if name != "data")


def place_in(attributes: str) -> tuple[object, ...]:
    """Return what makes a text a place in an event: one of the attributes (divided by `|`), or a dotted path below its data."""
    pattern = rf"^({attributes}|{DATA_FIELD})$"
    known = (*attributes.split("|"), "data.<field>")

    def require_place(field: str) -> str:
        if not re.fullmatch(pattern, field):
            what = "attribute of an event or path below its data"
            raise ValueError(unknown(field, known, what=what, meant=all_fields()))
        return field

    return AfterValidator(require_place), WithJsonSchema({"type": "string", "pattern": pattern})


class Op(StrEnum):
    """How a condition compares. For an absent field, as for null, only `ne`, `not_in`, `exists` false and `eq` null hold."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    EXISTS = "exists"


ORDERING = {Op.LT: operator.lt, Op.LE: operator.le, Op.GT: operator.gt, Op.GE: operator.ge}
_SCALARS: list[dict[str, Any]] = [
    {"type": "string", "maxLength": MAX_TEXT},
    {"type": "number"},
    {"type": "boolean"},
    {"type": "null"},
]
_LIST = {"type": "array", "items": {"anyOf": _SCALARS}, "minItems": 1, "maxItems": MAX_VALUES}

Value = Annotated[JsonValue, WithJsonSchema({"anyOf": [*_SCALARS, _LIST]})]


class Condition(BaseModel):
    """A condition on an event: `field` is an attribute of the event or a dotted path below its data, such as `data.kpi`.

    `in` and `not_in` take a list; `lt`, `le`, `gt` and `ge` a number or a text; `exists` true (also when left out) or false; the
    others one value. Texts are compared by code point, without invisible characters. What an event lacks counts as null.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    field: Annotated[str, *place_in(ATTRIBUTES)]
    op: Op
    value: Value = Field(default=None, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_names(cls, value: Any) -> Any:
        return require_known_names(value, cls.model_fields)

    @field_validator("value")
    @classmethod
    def _suits(cls, value: JsonValue, info: Info) -> JsonValue:
        op = info.data.get("op")
        if op is Op.EXISTS and value is None:
            return True
        if op is not None and (fault := _fault(op, value)):
            raise ValueError(fault)
        return value


Conditions = Annotated[list[Condition], Field(max_length=MAX_CONDITIONS)]


def _fault(op: Op, value: JsonValue) -> str | None:
    match op:
        case Op.EXISTS:
            suits, takes = isinstance(value, bool), "true or false"
        case Op.IN | Op.NOT_IN:
            suits = isinstance(value, list) and 0 < len(value) <= MAX_VALUES and not any(map(_is_nested, value))
            takes = f"a list of 1 to {MAX_VALUES} texts, numbers or booleans"
        case Op.LT | Op.LE | Op.GT | Op.GE:
            suits, takes = _is_number(value) or isinstance(value, str), "a number or a text"
        case Op.CONTAINS:
            suits, takes = not (value is None or _is_nested(value)), "a text, a number or a boolean"
        case _:
            suits, takes = not _is_nested(value), "a text, a number, a boolean or null"
    if not suits:
        return f"{op} takes {takes}"
    texts = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and len(text) > MAX_TEXT for text in texts):
        return f"must not have a text of more than {MAX_TEXT} characters"
    return None


def _is_nested(value: JsonValue) -> bool:
    return isinstance(value, list | dict)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_conditions(stored: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Return the conditions that `model_dump(mode="json")` of each wrote."""
    return tuple(Condition.model_validate(one) for one in stored)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path through objects, None where there is none."""
    value: Any = document
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def all_hold(conditions: Sequence[Condition], document: Mapping[str, Any]) -> bool:
    """Say whether all conditions hold for an event's document; no conditions hold always."""
    return all(holds(condition, document) for condition in conditions)


def holds(condition: Condition, document: Mapping[str, Any]) -> bool:
    """Say whether a condition holds for an event's document."""
    found, value = value_at(document, condition.field), comparable_value(condition.value)
    found = comparable(found) if isinstance(found, str) else found
    match condition.op:
        case Op.EQ:
            return _same(found, value)
        case Op.NE:
            return not _same(found, value)
        case Op.IN | Op.NOT_IN:
            among = isinstance(value, list) and any(_same(found, each) for each in value)
            return among is (condition.op is Op.IN)
        case Op.CONTAINS:
            return _contains(found, value)
        case Op.EXISTS:
            return (found is not None) is value
    return have_order(found, value) and bool(ORDERING[condition.op](*_exact(found, value)))


def have_order(left: JsonValue, right: JsonValue) -> bool:
    """Say whether one of two values can be less than the other: two texts or two numbers can."""
    return isinstance(right, str) if isinstance(left, str) else _is_number(left) and _is_number(right)


def _same(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if _is_number(left) and _is_number(right):
        left, right = _exact(left, right)
    return bool(left == right)


def _exact(left: Any, right: Any) -> tuple[Any, Any]:
    # 1.2345678901234568e18 stands for that decimal number, as in JSON and PostgreSQL, and not for the binary one nearest to it
    if type(left) is type(right):
        return left, right
    return _decimal(left), _decimal(right)


def _decimal(number: Any) -> Any:
    return Decimal(repr(number)) if isinstance(number, float) else number


def _contains(found: JsonValue, value: JsonValue) -> bool:
    if isinstance(found, list):
        if isinstance(value, str):
            # the interpreter may look for a text; only those beyond ASCII may hold what nobody sees
            return value in found or any(
                isinstance(each, str) and not each.isascii() and comparable(each) == value for each in found
            )
        return any(_same(each, value) for each in found)
    return isinstance(found, str) and isinstance(value, str) and value in found
