"""Which alerts are not told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from opsloop_common.errors import Invalid
from opsloop_notifications.labels.rules import Labels, Matcher, all_match, needs_something

LONGEST = timedelta(days=366)


class SilenceState(StrEnum):
    """Whether a silence holds, by the clock."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


def state_of(starts_at: datetime, ends_at: datetime, now: datetime) -> SilenceState:
    """Return whether a silence holds at a moment; its end is no part of it."""
    if now >= ends_at:
        return SilenceState.EXPIRED
    return SilenceState.ACTIVE if now >= starts_at else SilenceState.PENDING


def require_span(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Raise Invalid (422) for a silence that is over before it begins, or lasts for ever."""
    if ends_at <= max(starts_at, now):
        raise Invalid("/ends_at", "must be after the beginning, and in the future")
    if ends_at - starts_at > LONGEST:
        raise Invalid("/ends_at", f"must be within {LONGEST.days} days of the beginning")


def require_meaning(matchers: Sequence[Matcher], pointer: str) -> None:
    """Raise Invalid (422) for matchers that hold for everything, an alert without labels too."""
    if not needs_something(matchers):
        raise Invalid(pointer, "must have a matcher that does not hold for an empty value")


@dataclass(frozen=True)
class Quiet:
    """An active silence."""

    id: str
    matchers: tuple[Matcher, ...]


def held(silence: Quiet, alerts: Mapping[str, Labels]) -> frozenset[str]:
    """Return the fingerprints of those alerts that a silence holds for."""
    return frozenset(id for id, labels in alerts.items() if all_match(silence.matchers, labels))
