"""What the people of a segment are like, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from opsloop_common.errors import FieldError, Invalid

FIELDS = ("title", "summary", "needs", "pains", "quotes")


def differs(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    """Say whether what is written now is another persona than before, None where there was none."""
    return before is None or any(before[name] != now[name] for name in FIELDS)


def without(quotes: Sequence[Mapping[str, Any]], feedback_ids: Collection[str]) -> list[Mapping[str, Any]]:
    """Return the quotes that are of other posts."""
    return [quote for quote in quotes if quote["feedback_id"] not in feedback_ids]


def require_not_erased(feedback_ids: Sequence[UUID], erased: Collection[UUID]) -> None:
    """Raise Invalid with each quote of a post that was erased."""
    if gone := [place for place, feedback_id in enumerate(feedback_ids) if feedback_id in erased]:
        raise Invalid.each(
            FieldError(f"/quotes/{place}/feedback_id", "is a post that was erased: leave the quote out")
            for place in gone
        )
