"""The one JSON reader for request bodies: stricter than any parser we know, and it says where.

orjson turns integers beyond 64 bits into floats, keeps the last of two equal names and calls a lone surrogate "not JSON"; the
standard library accepts NaN and surrogates. So this is the standard library's C scanner with hooks that note what is wrong, and
a second look, only when there may be something, that finds the place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from opsloop_common.errors import BadRequest, DomainError, FieldError, Invalid

MAX_DEPTH = 35  # a field may have 32 levels, also in an item of a batch: object, list, object, then the field
MAX_INT = 2**63 - 1
MIN_INT = -(2**63)
MAX_ERRORS = 20


class _Flaw:
    """Stands where a value was that JSON-like text can say and we do not take."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


class _Repeated(dict[str, Any]):
    """An object in which a name came twice."""


def read_json(raw: bytes) -> Any:
    """Parse a body. Raises BadRequest (400) when it is not JSON, Invalid (422) for JSON that we refuse, with pointers.

    Refused: NaN and infinities, numbers that overflow, integers beyond 64 bits, NUL and lone surrogates in strings, a name
    twice in one object, more than 35 levels.
    """
    suspicious = False

    def constant(_: str) -> _Flaw:
        nonlocal suspicious
        suspicious = True
        return _Flaw("must be a finite number")

    def integer(digits: str) -> int | _Flaw:
        nonlocal suspicious
        if len(digits) < 19:
            return int(digits)
        if len(digits) <= 20 and MIN_INT <= (value := int(digits)) <= MAX_INT:
            return value
        suspicious = True
        return _Flaw("must be an integer of at most 64 bits")

    def number(digits: str) -> float | _Flaw:
        nonlocal suspicious
        if math.isfinite(value := float(digits)):
            return value
        suspicious = True
        return _Flaw("must be a finite number")

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal suspicious
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        suspicious = True
        return _Repeated(pairs)

    try:
        value = json.loads(
            raw.decode(), parse_constant=constant, parse_int=integer, parse_float=number, object_pairs_hook=members
        )
    except RecursionError as error:
        raise Invalid("", f"must not be nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # also UnicodeDecodeError: JSON is UTF-8
        raise BadRequest("The body is not JSON.") from error
    # only escapes can bring NUL and surrogates, only brackets depth
    if suspicious or b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        _refuse_flaws(value)
    return value


def _refuse_flaws(value: Any) -> None:
    errors: list[FieldError] = []
    for pointer, detail in _flaws(value, "", 1):
        errors.append(FieldError(pointer, detail))
        if len(errors) == MAX_ERRORS:
            break
    if errors:
        refusal: DomainError = Invalid(errors[0].pointer, errors[0].detail)
        refusal.errors = tuple(errors)
        raise refusal


def _flaws(value: Any, pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            if detail := text_flaw(value):
                yield pointer, detail
        case _Flaw():
            yield pointer, value.detail
        case dict() | list() if depth > MAX_DEPTH:
            yield pointer, f"must not be nested deeper than {MAX_DEPTH} levels"
        case dict():
            if isinstance(value, _Repeated):
                yield pointer, "must not contain a name twice"
            for name, item in value.items():
                if detail := text_flaw(name):
                    yield pointer, f"has a name that {detail}"
                else:
                    yield from _flaws(item, f"{pointer}/{escape(name)}", depth + 1)
        case list():
            for index, item in enumerate(value):
                yield from _flaws(item, f"{pointer}/{index}", depth + 1)
        case _:
            return


def text_flaw(value: str) -> str | None:
    """Return what is wrong with a string that PostgreSQL and UTF-8 could not hold, None when nothing is."""
    if "\0" in value:
        return "must not contain NUL"
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        return "must not contain lone surrogates"
    return None


def escape(name: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901), shortened so that a problem document stays small."""
    return name[:200].replace("~", "~0").replace("/", "~1")
