"""What is kept of a refused message: pure decisions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import JsonValue

from opsloop_common.limits import REJECTION_RAW_BYTES
from opsloop_metrics.capture.rules import MAX_ID, storable

MOST_IDS = 1_000
VALUE_CHARACTERS = 200
"""What is shown of a faulty cell; the row that is kept beside it has more."""
_CUT = "…"
_CELLS = re.compile(r"[,;\t\r\n]")
_WORDS = re.compile(r"[\s,;:{}\[\]\"']+")
# no longer than an id, written as long as it can be: what is quoted may never end
_CSV_QUOTED = re.compile(rf'"((?:[^"]|""){{1,{MAX_ID}}})"')
_JSON_QUOTED = re.compile(
    rf'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{{4}}){{1,{2 * MAX_ID}}}"'  # all of which JSON can read
)
ID_NAMES = frozenset(
    {
        "userid", "user_id", "$user_id", "anonymousid", "anonymous_id", "distinct_id", "$distinct_id", "distinctid", "previousid",
        "alias", "id", "user_pseudo_id", "client_id", "device_id", "$device_id", "$anon_distinct_id", "$identified_id", "$anon_id",
        "$alias", "$merge_distinct_id",
    }
)  # fmt: skip
"""Under what any vendor's client names who speaks, in small letters."""


def raw_text(raw: JsonValue) -> str | None:
    """Return a refused message as JSON of at most `REJECTION_RAW_BYTES`, cut where it is longer; None where there is none."""
    if raw is None:
        return None
    try:
        text = storable(json.dumps(raw, ensure_ascii=False, separators=(",", ":")))
    except RecursionError:
        text = _CUT
    written = text.encode()
    if len(written) <= REJECTION_RAW_BYTES:
        return text
    return written[: REJECTION_RAW_BYTES - len(_CUT.encode())].decode(errors="ignore") + _CUT


def cell_text(value: JsonValue) -> str | None:
    """Return what stands in a cell, a text as it is and else JSON, of at most `VALUE_CHARACTERS`; None where there is none."""
    text = storable(value) if isinstance(value, str) else raw_text(value)
    if text is None or len(text) <= VALUE_CHARACTERS:
        return text
    return text[: VALUE_CHARACTERS - len(_CUT)] + _CUT


def ids_in(raw: JsonValue) -> frozenset[str] | None:
    """Return what may be ids of persons in what could not be read, written as capture writes them; None where there are too many.

    Those are all that clients call so, and whatever stands as a value in the part that is kept: which column or property a team
    takes for an id is not known here. Of a text, such as a line of a file, it is each piece that may be a value.
    """
    told = _pieces(raw[:REJECTION_RAW_BYTES]) if isinstance(raw, str) else _values(raw)
    found: set[str] = set()
    for each in told:
        id = storable(each).strip()
        if id and len(id) <= MAX_ID:
            found.add(id)
        if len(found) > MOST_IDS:
            return None
    return frozenset(found)


def _values(raw: JsonValue) -> Iterator[str]:
    """Yield the values of a document in their order, those beyond what is kept of it only where a client names an id so."""
    length = 0
    left: list[tuple[str, JsonValue]] = [("", raw)]
    while left:
        name, value = left.pop()
        if isinstance(value, dict):
            left += reversed(value.items())
        elif isinstance(value, list):
            left += [("", each) for each in reversed(value)]
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            text = str(value)
            if length < REJECTION_RAW_BYTES or name.lower() in ID_NAMES:
                yield text
            length += len(text) + 1


def _pieces(text: str) -> Iterator[str]:
    """Yield what may be a value in a text that is no document: cells, what is quoted as CSV and JSON do, words."""
    yield text
    yield from _CELLS.split(text)
    yield from (quoted.replace('""', '"') for quoted in _CSV_QUOTED.findall(text))
    yield from map(json.loads, _JSON_QUOTED.findall(text))
    yield from _WORDS.split(text)


def needle(id: str) -> str:
    """Return how an id stands in the JSON that is kept."""
    return json.dumps(id, ensure_ascii=False)
