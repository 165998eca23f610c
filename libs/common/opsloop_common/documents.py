"""One way for JSON documents into the database and back: numbers stay what JSON and a double can say.

JSONB keeps 1e30 as a numeric and gives it back as 1 and thirty zeros; Python reads that as an integer which no other writer of
JSON here takes. So an integer beyond 64 bits is read as the double that it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator
from typing import Any

import orjson
from pydantic_core import PydanticCustomError, ValidationError

from opsloop_common.foreign import reading
from opsloop_common.known_names import hint
from opsloop_common.limits import UNKNOWN_NAMES

MAX_INT = 2**63 - 1
MIN_INT = -(2**63)
MAX_DOUBLE = sys.float_info.max
STEP_BYTES = 128 * 1024
"""So much of a text is looked through in a millisecond or two."""

_DIGITS_AS_ZERO = bytes(ord("0") if chr(code).isdecimal() else code for code in range(256))


def write_document(document: Any) -> str:
    """Return a document as JSON text; a TypeError for what JSON cannot say."""
    return orjson.dumps(document).decode()


def included(document: str | bytes) -> orjson.Fragment:
    """Return a document that is JSON text already, for the serializer to write it as it is into another."""
    return orjson.Fragment(document)


def read_document(text: str | bytes) -> Any:
    """Return the document of a JSON text: integers of 64 bits at most, else doubles. Raises ValueError when it is not JSON."""
    raw = text.encode() if isinstance(text, str) else text
    if not has_long_number(raw):
        return orjson.loads(raw)
    with reading():
        return json.loads(raw, parse_int=whole_number, parse_float=_double, parse_constant=_refuse)


def read_foreign_document(raw: bytes) -> Any:
    """Return the document of somebody else's JSON as `read_document` does; numbers beyond a double are infinite, and so no numbers.

    What we kept ourselves was within a double once: there the greatest one is near enough.
    """
    if not has_long_number(raw):
        return orjson.loads(raw)
    with reading():
        return json.loads(raw, parse_int=_foreign_number, parse_float=float, parse_constant=_refuse)


def has_long_number(raw: bytes) -> bool:
    """Say whether a JSON text may hold an integer beyond 64 bits."""
    return b"0" * 19 in raw.translate(_DIGITS_AS_ZERO)  # a tenth of the time of a regular expression


def whole_number(digits: str) -> int | float:
    """Return what the digits of an integer say, a double beyond 64 bits."""
    if len(digits) <= 20 and MIN_INT <= (value := int(digits)) <= MAX_INT:
        return value
    return _double(digits)


def _foreign_number(digits: str) -> int | float:
    found = whole_number(digits)
    return found if isinstance(found, int) else float(digits)


def _double(digits: str) -> float:
    # numeric goes beyond a double; the greatest one is nearer to it than anything else that JSON can say
    return max(-MAX_DOUBLE, min(MAX_DOUBLE, float(digits)))


def _refuse(name: str) -> None:
    raise ValueError("holds what is no number")


def require_known_names(value: Any, known: Collection[str]) -> Any:
    """Return `value` unless it is an object with names that are not known: each of them is an error that tells the nearest one.

    Of 20,000 each would become an error: of too many only one says so.
    """
    if type(value) is not dict or not (unknown := [name for name in value if name not in known]):
        return value
    if len(unknown) > UNKNOWN_NAMES:
        raise PydanticCustomError("too_many_names", "Too many fields that are not known here")
    raise ValidationError.from_exception_data(
        "names",
        [
            {
                "type": PydanticCustomError("unknown_name", f"This field is not known here{hint(str(name), known)}"),
                "loc": (name,),
                "input": None,
            }
            for name in unknown
        ],
    )


def surplus(raw: bytes, *, containers: int, values: int) -> str | None:
    """Say what a JSON text has too much of, objects and lists or values; None when it has few. Nothing is built for that."""
    return next(filter(None, looked_for_surplus(raw, containers=containers, values=values)), None)


def looked_for_surplus(raw: bytes, *, containers: int, values: int) -> Iterator[str | None]:
    """Look for a `surplus` in steps of at most a few milliseconds; yields None after each, or at last what there is too much of."""
    # an upper bound first, in half a millisecond a MiB: texts hold such characters too, but seldom so many
    most_containers = most_values = 0
    for piece in _pieces(raw):
        most_containers += piece.count(b"[") + piece.count(b"{")
        most_values += piece.count(b",") + piece.count(b":")
        if most_containers > containers or most_values > values:
            break
        yield None
    else:
        return
    found_containers = found_values = 0
    for outside in _outside_texts(raw, most=containers + values):
        if outside is not None:
            found_containers += outside.count(b"[") + outside.count(b"{")
            found_values += outside.count(b",") + outside.count(b":")
        if outside is None or found_values > values:
            yield f"must not hold more than {values} values"
            return
        if found_containers > containers:
            yield f"must not hold more than {containers} objects and lists"
            return
        yield None


def _outside_texts(raw: bytes, *, most: int) -> Iterator[bytes | None]:
    """Yield of each piece what stands outside strings, None as soon as there are more than `most` strings."""
    quotes, rest = 0, b""
    for piece in _pieces(raw):
        piece = rest + piece
        # the last backslash of an odd number belongs to what the next piece begins with
        rest = b"\\" * ((len(piece) - len(piece.rstrip(b"\\"))) % 2)
        piece = piece.removesuffix(rest)
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        is_inside = quotes % 2
        quotes += piece.count(b'"')
        if quotes > 2 * most:
            yield None
            return
        yield b"".join(piece.split(b'"')[is_inside::2])


def _pieces(raw: bytes) -> Iterator[bytes]:
    return (raw[at : at + STEP_BYTES] for at in range(0, len(raw), STEP_BYTES))


def is_deeper_than(value: Any, levels: int) -> bool:
    """Say whether objects and lists stand inside one another more than so many levels deep, the outermost counted; no recursion."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
