"""Conditions that can be meant: on fields that the named events have, with values that may stand there."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from opsloop_common.conditions import ORDERING, Condition, Op
from opsloop_common.contracts.fields import Shape
from opsloop_common.contracts.known import field_fault, shape_at
from opsloop_common.errors import Invalid
from opsloop_common.invisible import comparable
from opsloop_common.known_names import hint


def require_fields(conditions: Sequence[Condition], types: Collection[str], pointer: str) -> None:
    """Raise Invalid for the first condition that cannot be meant: on a field that none of the event types has, or with a value
    that the field never has."""
    for place, condition in enumerate(conditions):
        if fault := field_fault(condition.field, types):
            raise Invalid(f"{pointer}/{place}/field", fault)
        if fault := value_fault(condition, types):
            raise Invalid(f"{pointer}/{place}/value", fault)


def value_fault(condition: Condition, types: Collection[str]) -> str | None:
    """Return why no event of the types can make a condition with this value hold, or fail; None when one may.

    Types and fields of which we do not know what they hold may hold anything, and null stands for what is absent.
    """
    shape, value = shape_at(condition.field, types), condition.value
    if not shape.kinds or condition.op is Op.EXISTS or value is None:
        return None
    if condition.op is Op.CONTAINS:
        return _fault_within(condition.field, value, shape)
    values = value if isinstance(value, list) else [value]
    alike = [each for each in values if each is None or _kind(each) in shape.kinds]
    if not alike:
        return f"{condition.field} is {_told(shape)}, never {_kind(values[0])}"
    if condition.op in ORDERING or shape.texts is None:
        return None
    strange = [each for each in alike if isinstance(each, str) and comparable(each) not in shape.texts]
    return _no_value(condition.field, strange[0], shape) if strange else None


def _fault_within(field: str, value: object, shape: Shape) -> str | None:
    if shape.items is not None and shape.items.kinds and "a text" not in shape.kinds:
        if _kind(value) not in shape.items.kinds:
            return f"{field} is a list of what is {_told(shape.items)}, never {_kind(value)}"
        is_strange = (
            isinstance(value, str) and shape.items.texts is not None and comparable(value) not in shape.items.texts
        )
        return _no_value(field, str(value), shape.items) if is_strange else None
    if shape.items is None and not (isinstance(value, str) and "a text" in shape.kinds):
        return f"{field} is {_told(shape)}: contains looks for texts in texts, and for values in lists"
    if (
        shape.texts is not None
        and shape.items is None
        and not any(comparable(str(value)) in text for text in shape.texts)
    ):
        return _no_value(field, str(value), shape)
    return None


def _no_value(field: str, value: str, shape: Shape) -> str:
    return f"this is no value of {field}{hint(value, shape.texts or ())}"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def _told(shape: Shape) -> str:
    return " or ".join(sorted(shape.kinds))
