"""A funnel as it is asked, and who went through it: what the store's way and the exact pass both know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import combinations

from opsloop_common.conditions import Condition, Op
from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter

LONGEST_WINDOW = timedelta(days=366)
NONE = "$none"
"""The breakdown value of what has none."""


class Order(StrEnum):
    """What may happen between the steps: anything, nothing else, or the steps themselves in any order."""

    ORDERED = "ordered"
    STRICT = "strict"
    UNORDERED = "unordered"


class FunnelMode(StrEnum):
    """What has to lie in the range: the first step, or all."""

    ENTRY = "entry"
    RANGE = "range"


class CountBy(StrEnum):
    """What goes through the funnel once: a person, one of their sessions, or each attempt."""

    USERS = "users"
    SESSIONS = "sessions"
    TOTALS = "totals"


class Attribution(StrEnum):
    """Which event of a chain says its breakdown value; `all`: a funnel of each value's own events."""

    FIRST = "first"
    LAST = "last"
    ALL = "all"
    STEP = "step"


@dataclass(frozen=True)
class Step:
    """One step; an optional one never keeps anybody from the next."""

    filter: EventFilter
    is_optional: bool = False


@dataclass(frozen=True)
class Exclusion:
    """Events that must not lie between the steps numbered `first` and `last` (from 0)."""

    filter: EventFilter
    first: int
    last: int


@dataclass(frozen=True)
class Breakdown:
    """By which field to divide; `step` is which step's event says the value, where attribution is `step`."""

    field: str
    attribution: Attribution = Attribution.FIRST
    step: int = 0
    limit: int = 10


@dataclass(frozen=True)
class Funnel:
    """A funnel as it is asked."""

    steps: tuple[Step, ...]
    order: Order = Order.ORDERED
    window: timedelta = timedelta(days=14)
    mode: FunnelMode = FunnelMode.ENTRY
    exclusions: tuple[Exclusion, ...] = ()
    breakdown: Breakdown | None = None
    count_by: CountBy = CountBy.USERS

    @property
    def needed(self) -> list[int]:
        """Return the numbers of the steps that are not optional."""
        return [number for number, step in enumerate(self.steps) if not step.is_optional]

    @property
    def filters(self) -> list[EventFilter]:
        """Return the filters of all steps, then those of all exclusions."""
        return [*(step.filter for step in self.steps), *(each.filter for each in self.exclusions)]

    @property
    def labels(self) -> list[str]:
        """Return what the steps are called in the answer."""
        if self.order is Order.UNORDERED:
            return [f"Completed {number} step{'s' * (number > 1)}" for number in range(1, len(self.steps) + 1)]
        return [step.filter.name for step in self.steps]

    @property
    def is_divided_before(self) -> bool:
        """Say whether the events themselves are divided by the breakdown's value."""
        return self.breakdown is not None and self.breakdown.attribution is Attribution.ALL

    def before(self, number: int) -> int:
        """Return the nearest step before one that is not optional."""
        return max(each for each in self.needed if each < number)

    def after_optional(self, number: int) -> int | None:
        """Return the next step after an optional one that is not optional; None for a step that is not."""
        return next(each for each in self.needed if each > number) if self.steps[number].is_optional else None


def require_sound(funnel: Funnel, at: str = "") -> None:
    """Raise Invalid for what cannot be meant; `at` is where the query stands in the body."""
    last = len(funnel.steps) - 1
    if not timedelta(0) < funnel.window <= LONGEST_WINDOW:
        raise Invalid(f"{at}/window", "must be longer than nothing and at most 366 days")
    for number, step in enumerate(funnel.steps):
        if step.is_optional and (number in (0, last) or funnel.order is not Order.ORDERED):
            detail = "only steps of an ordered funnel between the first and the last can be optional"
            raise Invalid(f"{at}/steps/{number}/optional", detail)
    for number, each in enumerate(funnel.exclusions):
        _require_sound_exclusion(funnel, each, f"{at}/exclusions/{number}")
    if (breakdown := funnel.breakdown) is None:
        return
    if not 0 <= breakdown.step <= last:
        raise Invalid(f"{at}/breakdown/step", f"must be the number of a step, from 0 to {last}")
    if funnel.order is Order.UNORDERED and breakdown.attribution is Attribution.STEP and breakdown.step:
        raise Invalid(
            f"{at}/breakdown/step", "can only be 0 in an unordered funnel: its steps have no events of their own"
        )


def _require_sound_exclusion(funnel: Funnel, exclusion: Exclusion, at: str) -> None:
    last = len(funnel.steps) - 1
    if not 0 <= exclusion.first < last:
        raise Invalid(f"{at}/from", f"must be the number of a step before the last, from 0 to {last - 1}")
    if not exclusion.first < exclusion.last <= last:
        raise Invalid(f"{at}/to", f"must be the number of a later step, up to {last}")
    if funnel.order is Order.UNORDERED and (exclusion.first, exclusion.last) != (0, last):
        raise Invalid(f"{at}/from", f"an unordered funnel can only exclude from 0 to {last}")
    for name, number in (("from", exclusion.first), ("to", exclusion.last)):
        if funnel.steps[number].is_optional:
            raise Invalid(f"{at}/{name}", "cannot be an optional step")


class Way(StrEnum):
    """How the store finds chains: step by step, or in any order, of events that can be one thing only; or time by time."""

    CHAINED = "chained"
    UNORDERED = "unordered"
    TIMED = "timed"


MOST_TIMED_STEPS = 6
"""Whose sets are the bits of one word of 64."""


def way_of(funnel: Funnel) -> Way | None:
    """Return how the store alone can answer; None: each person has to be walked with.

    That is what takes events away, and where more than the times matters of events that could be several steps: which one serves.
    """
    if funnel.count_by is CountBy.TOTALS:
        return None
    if _all_apart(funnel.filters):
        if funnel.order is Order.UNORDERED:
            return Way.UNORDERED
        if funnel.order is Order.ORDERED and len(funnel.needed) == len(funnel.steps):
            return Way.CHAINED
    if funnel.order is Order.UNORDERED or len(funnel.steps) > MOST_TIMED_STEPS:
        return None
    is_of_event = funnel.breakdown is not None and not funnel.is_divided_before
    return None if is_of_event and not _all_apart([step.filter for step in funnel.steps]) else Way.TIMED


def _all_apart(filters: Iterable[EventFilter]) -> bool:
    return all(_are_apart(one, other) for one, other in combinations(filters, 2))


def _are_apart(one: EventFilter, other: EventFilter) -> bool:
    """Say whether no event can match both, as far as can be seen: other names, or a field that has to be two texts."""
    if one.event is not None and other.event is not None and one.event != other.event:
        return True
    return any(
        left.field == right.field and left.value != right.value
        for left in _texts(one.where)
        for right in _texts(other.where)
    )


def _texts(conditions: Iterable[Condition]) -> list[Condition]:
    return [each for each in conditions if each.op is Op.EQ and isinstance(each.value, str)]


@dataclass(frozen=True, slots=True)
class Entrant:
    """Someone's (or one session's, one attempt's) way: when they did each step (milliseconds, None: not), and their value.

    `is_open`: they may still go on.
    """

    person: str
    times: tuple[int | None, ...]
    is_open: bool
    value: str | None = None

    def has_done(self, number: int) -> bool:
        """Say whether they did a step."""
        return self.times[number] is not None

    def seconds(self, since: int, number: int) -> float:
        """Return the time from one step to another, both done."""
        return ((self.times[number] or 0) - (self.times[since] or 0)) / 1000


def is_in_progress(funnel: Funnel, entrant: Entrant, number: int) -> bool:
    """Say whether someone did the step before, not this one, and still may."""
    after = funnel.after_optional(number)
    is_past = after is not None and entrant.has_done(after)
    return entrant.is_open and not is_past and is_missing(funnel, entrant, number)


def is_missing(funnel: Funnel, entrant: Entrant, number: int) -> bool:
    """Say whether someone did the step before and not this one."""
    return entrant.has_done(funnel.before(number)) and not entrant.has_done(number)
