"""What pydantic refuses, as our field errors: for request bodies, and for the options of commands that take the same shapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from opsloop_common.errors import FieldError, Invalid
from opsloop_common.http.schemas import AT_FIELD, format_duration
from opsloop_common.http.strict_json import escape
from opsloop_common.known_names import NAME_CHARACTERS, nearest
from opsloop_common.limits import ERRORS_SHOWN

_Shape = TypeVar("_Shape", bound=BaseModel)

_PLAIN_WORDS = {
    # pydantic's own sentences for these repeat a piece of what was sent
    "uuid_parsing": "Input should be a valid UUID",
    "uuid_type": "Input should be a valid UUID",
    "datetime_parsing": "Input should be a valid RFC 3339 time",
    "datetime_from_date_parsing": "Input should be a valid RFC 3339 time",
    "date_parsing": "Input should be a valid date",
    "date_from_datetime_parsing": "Input should be a valid date",
    "time_parsing": "Input should be a valid time of day",
    "time_delta_parsing": "Input should be a valid ISO 8601 duration",
    "url_parsing": "Input should be a valid URL",
    "json_invalid": "Input should be valid JSON",
    "extra_forbidden": "This field is not known here",
    "missing": "This field is required",
    # and these name our own classes, or Python's
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
}

_CHOICES = frozenset({"enum", "literal_error", "union_tag_invalid", "union_tag_not_found"})
_QUOTED = re.compile(r"'([^']*)'")
_PYTHONS_DURATION = re.compile(r"datetime\.timedelta\(((?:(?:days|seconds)=\d{1,9}(?:, )?)*)\)")


def shaped(shape: type[_Shape], **values: Any) -> _Shape:
    """Return values as a request body's shape, held to all that the API holds it to; raises Invalid."""
    try:
        return shape(**values)
    except ValidationError as error:
        refused = error.errors(include_url=False)[:ERRORS_SHOWN]
        raise Invalid.each(field_error(item | {"loc": ("body", *item["loc"])}, values) for item in refused) from error


def field_error(item: Any, body: Any) -> FieldError:
    """Return one of pydantic's errors, whose `loc` begins with the place such as `body`, with a pointer into what was sent."""
    place, *steps = item["loc"]
    kind = item["type"]
    if place == "body":
        pointer = "".join("/" + escape(str(step)) for step in _steps_inside(body, steps, is_missing=kind == "missing"))
    else:
        pointer = "".join(f"/{escape(str(step))}" for step in item["loc"])
    if kind in _CHOICES:
        return _choice(pointer, item)
    if kind in _PLAIN_WORDS:
        return FieldError(pointer, _PLAIN_WORDS[kind])
    return FieldError(pointer + field_named_by(item), words_of(item))


def field_named_by(item: Any) -> str:
    """Return where within its place an error lies that a rule over several fields found (`at_field`)."""
    return f"/{escape(item['ctx']['field'])}" if item["type"] == AT_FIELD else ""


def words_of(item: Any) -> str:
    """Return what one of pydantic's errors says, without the names and the ways of counting that are Python's."""
    ctx = item.get("ctx", {})
    if item["type"] == "too_short":
        return f"must have at least {_items(ctx['min_length'])}"
    if item["type"] == "too_long":
        return f"must have at most {_items(ctx['max_length'])}"
    return _PYTHONS_DURATION.sub(_as_duration, item["msg"].removeprefix("Value error, "))


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"


def _as_duration(found: re.Match[str]) -> str:
    parts = (part.split("=") for part in found[1].split(", ") if part)
    return format_duration(timedelta(**{unit: int(count) for unit, count in parts}))


def _choice(pointer: str, item: Any) -> FieldError:
    """Say which values there are, with the nearest to what was sent; of an object of several kinds, at the field that names its kind."""
    kind, ctx, given = item["type"], item["ctx"], item.get("input")
    if kind == "union_tag_not_found":
        [names] = _QUOTED.findall(ctx["discriminator"])
        meant = (
            get_close_matches(names, [name for name in given if len(name) <= NAME_CHARACTERS], 1)
            if isinstance(given, dict)
            else []
        )
        if meant:
            return FieldError(f"{pointer}/{escape(meant[0])}", f"This field is not known here; did you mean {names}?")
        return FieldError(f"{pointer}/{names}", "This field is required")
    if kind == "union_tag_invalid":
        [names] = _QUOTED.findall(ctx["discriminator"])
        pointer, given, expected = f"{pointer}/{names}", ctx["tag"], ctx["expected_tags"]
    else:
        expected = ctx["expected"]
    values = _QUOTED.findall(expected)
    near = nearest(given, values) if isinstance(given, str) else None
    return FieldError(pointer, f"must be one of {', '.join(values)}" + (f"; did you mean {near}?" if near else ""))


def _steps_inside(body: Any, steps: Sequence[Any], *, is_missing: bool) -> list[Any]:
    # pydantic also names the branches of a union that it went through; those are in our model and not in what was sent
    found = []
    for number, step in enumerate(steps, start=1):
        match body:
            # a branch that is called like a field beside the one that is meant, {"type": "formula", "formula": "a", "of": 1}: nothing
            # lies within a text
            case dict() if _is_beside(body, step, steps[number:], is_missing=is_missing):
                continue
            case dict() if step in body:
                body = body[step]
            case list() if isinstance(step, int) and step < len(body):
                body = body[step]
            case dict() if is_missing and number == len(steps):
                pass
            case _:
                continue
        found.append(step)
    return found


def _is_beside(body: dict[str, Any], step: Any, further: Sequence[Any], *, is_missing: bool) -> bool:
    if not further or isinstance(body.get(step), dict | list):
        return False
    return further[0] in body or (is_missing and len(further) == 1)
