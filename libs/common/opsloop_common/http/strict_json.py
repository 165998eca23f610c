"""The one JSON reader for request bodies: stricter than any parser we know, and it says where.

orjson turns integers beyond 64 bits into floats, keeps the last of two equal names and calls a lone surrogate "not JSON"; the
standard library accepts NaN and surrogates. So this is the standard library's C scanner with hooks that note what is wrong, and
a second look, only when there is something, that finds the place. What it costs to build is counted before anything is built.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from opsloop_common.documents import MAX_INT, MIN_INT, is_deeper_than
from opsloop_common.errors import BadRequest, DomainError, FieldError, Invalid
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.limits import ERRORS_SHOWN, JSON_LEVELS

_SURROGATE = re.compile("[\ud800-\udfff]")
_TELLING = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class _Flaw:
    """Stands where a value was that JSON-like text can say and we do not take."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


_NOT_FINITE = _Flaw("must be a finite number")
_NOT_64_BITS = _Flaw("must be an integer of at most 64 bits")


class _Repeated(dict[str, Any]):
    """An object in which a name came twice."""


def read_json(raw: bytes) -> Any:
    """Parse a body. Raises BadRequest (400) when it is not JSON, Invalid (422) with pointers for JSON that we refuse.

    Refused: NaN and infinities, numbers that overflow, integers beyond 64 bits, NUL and lone surrogates in strings, a name
    twice in one object, more than 35 levels.
    """
    suspicious = False

    def constant(_: str) -> _Flaw:
        nonlocal suspicious
        suspicious = True
        return _NOT_FINITE

    def integer(digits: str) -> int | _Flaw:
        nonlocal suspicious
        if len(digits) < 19:
            return int(digits)
        if len(digits) <= 20 and MIN_INT <= (value := int(digits)) <= MAX_INT:
            return value
        suspicious = True
        return _NOT_64_BITS

    def number(digits: str) -> float | _Flaw:
        nonlocal suspicious
        if math.isfinite(value := float(digits)):
            return value
        suspicious = True
        return _NOT_FINITE

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal suspicious
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        suspicious = True
        return _Repeated(pairs)

    try:
        with reading():
            value = json.loads(
                raw.decode(), parse_constant=constant, parse_int=integer, parse_float=number, object_pairs_hook=members
            )
    except Unreadable as error:  # JSON is UTF-8
        if isinstance(error.__cause__, RecursionError):
            raise Invalid("", f"must not be nested deeper than {JSON_LEVELS} levels") from error
        raise BadRequest("The body is not JSON.") from error
    # only escapes can bring NUL and surrogates, only brackets depth
    if suspicious or _has_telling_escape(raw) or _is_deep(value, raw):
        _refuse_flaws(value)
    return value


def _has_telling_escape(raw: bytes) -> bool:
    return b"\\u" in raw and _TELLING.search(raw) is not None


def _is_deep(value: Any, raw: bytes) -> bool:
    if raw.count(b"[") + raw.count(b"{") <= JSON_LEVELS:
        return False
    return is_deeper_than(value, JSON_LEVELS)


def _refuse_flaws(value: Any) -> None:
    errors: list[FieldError] = []
    for pointer, detail in _flaws(value, [], 1):
        errors.append(FieldError(pointer, detail))
        if len(errors) == ERRORS_SHOWN:
            break
    if errors:
        refusal: DomainError = Invalid(errors[0].pointer, errors[0].detail)
        refusal.errors = tuple(errors)
        raise refusal


def _flaws(value: Any, steps: list[str | int], depth: int) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            if detail := text_flaw(value):
                yield _pointer(steps), detail
        case _Flaw():
            yield _pointer(steps), value.detail
        case dict() | list() if depth > JSON_LEVELS:
            yield _pointer(steps), f"must not be nested deeper than {JSON_LEVELS} levels"
        case dict():
            if isinstance(value, _Repeated):
                yield _pointer(steps), "must not contain a name twice"
            for name, item in value.items():
                if detail := text_flaw(name):
                    yield _pointer(steps), f"has a name that {detail}"
                else:
                    yield from _flaws_below(name, item, steps, depth)
        case list():
            for index, item in enumerate(value):
                yield from _flaws_below(index, item, steps, depth)


def _flaws_below(step: str | int, item: Any, steps: list[str | int], depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(item, str | dict | list | _Flaw):
        steps.append(step)
        yield from _flaws(item, steps, depth + 1)
        steps.pop()


def text_flaw(value: str) -> str | None:
    """Return what is wrong with a string that PostgreSQL and UTF-8 could not hold, None when nothing is."""
    if "\0" in value:
        return "must not contain NUL"
    if not value.isascii() and _SURROGATE.search(value):
        return "must not contain lone surrogates"
    return None


def _pointer(steps: list[str | int]) -> str:
    return "".join(f"/{escape(str(step))}" for step in steps)


def escape(name: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901), shortened so that a problem document stays small."""
    return name[:200].replace("~", "~0").replace("/", "~1")
