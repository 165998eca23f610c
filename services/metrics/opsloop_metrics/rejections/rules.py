"""What is kept of a refused message: pure decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import JsonValue

from opsloop_common.limits import REJECTION_RAW_BYTES
from opsloop_metrics.capture.rules import storable

_CUT = "…"
_DEEPEST = 100
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


def ids_in(raw: JsonValue) -> frozenset[str]:
    """Return what may be ids of persons in a message that could not be read, wherever a client puts them."""
    return frozenset(_ids(raw, _DEEPEST))


def _ids(raw: JsonValue, levels: int) -> Iterator[str]:
    if levels and isinstance(raw, list):
        for each in raw:
            yield from _ids(each, levels - 1)
    elif levels and isinstance(raw, dict):
        for name, value in raw.items():
            if isinstance(value, dict | list):
                yield from _ids(value, levels - 1)
            elif name.lower() in ID_NAMES and isinstance(value, str | int | float) and not isinstance(value, bool):
                yield storable(str(value)).strip()


def needle(id: str) -> str:
    """Return how an id stands in the JSON that is kept."""
    return json.dumps(id, ensure_ascii=False)
