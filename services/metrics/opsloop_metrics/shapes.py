"""HTTP shapes that all insights speak: the time they look at, and which events count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.conditions import MAX_CONDITIONS, Condition
from opsloop_common.errors import FieldError, Invalid
from opsloop_common.foreign import readable
from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.paging import Listing, Page, PageOf
from opsloop_common.http.schemas import (
    InModel,
    OutModel,
    ShortText,
    format_duration,
    in_words,
    parse_duration,
    parse_timestamp,
    said,
    storable,
)
from opsloop_common.invisible import visible
from opsloop_common.known_names import NAME_CHARACTERS, unknown
from opsloop_metrics.insights import asking
from opsloop_metrics.insights.events import COLUMNS
from opsloop_metrics.insights.periods import (
    FIRST_YEAR,
    LAST_YEAR,
    USUAL_DAYS,
    EventFilter,
    Frame,
    Interval,
    WeekStart,
    frame_of,
)
from opsloop_metrics.insights.persons import Person, Portion
from opsloop_metrics.insights.tables import BYTE_ORDER_MARK, CSV, Cell, as_csv, prefers_csv
from opsloop_metrics.ports import Insight

_PATHS = ("properties", "person", "group")
_PATH = re.compile(r"(properties|person)(\.[^.\x00]{1,100}){1,10}|group\.[^\x00]{1,100}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEARS_AND_MONTHS = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(.*)")


def known_field(field: str) -> str:
    """Return a field of an event; a ValueError for what is none."""
    if field not in COLUMNS and not _PATH.fullmatch(field):
        if "." in field:
            raise ValueError(
                unknown(field, (*COLUMNS, *(f"{head}.<name>" for head in _PATHS)), what="field of an event")
            )
        name, meant = "<name>", list[str]()
        if len(field) <= NAME_CHARACTERS:
            # only what is spelt nearly so: who writes `revenue` means a property of theirs, and no `event`
            name, meant = visible(field), get_close_matches(field.casefold(), COLUMNS, 1, 0.8)
        own = f"a property is called properties.{name}, a person's trait person.{name}"
        raise ValueError(f"{unknown(field, meant, what='field of an event')}; {own}")
    return field


def _day_or_instant(value: Any) -> date | datetime:
    if isinstance(value, str) and _DATE.fullmatch(value):
        day = readable(date.fromisoformat, value)
        if day is None:
            raise ValueError("must be a day that exists")
        return day
    try:
        return parse_timestamp(value)
    except ValueError as error:
        raise ValueError(f"{error}; a plain day such as 2026-11-02 is taken too") from error


def _lasting(value: Any) -> timedelta:
    found = _YEARS_AND_MONTHS.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[1] is found[2] is None:
        return parse_duration(value)
    days = int(found[1] or 0) * 365 + int(found[2] or 0) * 30
    return timedelta(days=days) + (parse_duration(f"P{found[3]}") if found[3] else timedelta())


def lasting(least: timedelta, most: timedelta) -> AfterValidator:
    """Return what refuses durations outside of two bounds, both inclusive, and names these."""

    def require(value: timedelta) -> timedelta:
        if not least <= value <= most:
            raise ValueError(f"must be between {format_duration(least)} and {format_duration(most)}")
        return value

    return AfterValidator(require)


def _day(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a day such as 2026-10-01")
    day = readable(date.fromisoformat, value)
    if day is None:
        raise ValueError("must be a day that exists")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"has to lie in the years from {FIRST_YEAR} to {LAST_YEAR}")
    return day


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
"""A description or a note."""
Link = Annotated[
    str,
    *in_words(r"^https?://[^\s]+$", "must be an address that begins with https:// or http://", longest=2_000),
    AfterValidator(said),
]
Property = Annotated[
    str,
    *in_words(
        r"^properties(\.[^.\x00]{1,100}){1,10}$",
        "must be a property of an event, such as properties.amount",
        longest=1_100,
        like=lambda name: f"properties.{name}",
    ),
    AfterValidator(said),
]
Trait = Annotated[
    str,
    *in_words(
        r"^[^.\x00]{1,100}(\.[^.\x00]{1,100}){0,9}$",
        "must be the name of a trait, with what it has inside behind a dot, such as plan or address.city",
        longest=1_100,
    ),
    AfterValidator(said),
]
Field_ = Annotated[str, AfterValidator(known_field)]
"""A field of an event: a column, `properties.…`, `person.…` or `group.…`."""
Lasting = Annotated[
    timedelta,
    BeforeValidator(_lasting),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["P14D"]}),
]
"""An ISO 8601 duration of elapsed time: a month is 30 days, a year 365."""
When = Annotated[
    date | datetime,
    BeforeValidator(_day_or_instant),
    WithJsonSchema(
        {"type": "string", "description": "A day (`2026-03-01`) of the time zone, or an instant (RFC 3339)."}
    ),
]
BreakdownValue = Annotated[str, StringConstraints(min_length=1, max_length=100_000), AfterValidator(storable)]
"""A value as an answer has it, `$none` and `$other` among them."""
Place = Annotated[int, Field(ge=0, le=10_000)]
"""Which of several, from 0."""


class InsightCondition(Condition):
    """A condition on an event of a product: on a column such as `utm_source`, on `properties.…`, `person.…` or `group.…`."""

    field: Field_


Where = Annotated[list[InsightCondition], Field(max_length=MAX_CONDITIONS)]


class ObjectIn(InModel):
    """An object for which people write its one name: refused with how to say that."""

    LIKE: ClassVar[str] = '{"field": "channel"}'

    @model_validator(mode="before")
    @classmethod
    def _is_object(cls, value: Any) -> Any:
        if isinstance(value, Mapping | BaseModel):
            return value
        raise ValueError(f"must be an object such as {cls.LIKE}")


class EventFilterIn(ObjectIn):
    """Which events: those called `event` (null: whatever people did) for which all of `where` hold."""

    LIKE: ClassVar[str] = '{"event": "Paid"}'

    event: ShortText | None = None
    where: Where = Field(default_factory=list)
    label: ShortText | None = None

    def to_filter(self) -> EventFilter:
        """Return it as the queries take it."""
        return EventFilter(self.event, tuple(self.where), self.label)


class RangeIn(InModel):
    """What every insight's query says: from when to when, in which zone, and whose events count."""

    LIGHTER: ClassVar[str] = "a shorter time, or for fewer events with a condition in where"
    """What whoever asked too much may ask for instead; an insight that has more to take less of says so."""
    BY_DAY: ClassVar[bool] = False
    """Whether it counts day by day, whatever the interval."""

    start: When | None = Field(default=None, alias="from")
    end: When | None = Field(default=None, alias="to")
    time_zone: TimeZone | None = None
    week_start: Literal["monday", "saturday", "sunday"] | None = (
        None  # whose calendar it is, as the zone: taken with all questions
    )
    where: Where = Field(default_factory=list)
    include_filtered: bool = False
    _days: int = PrivateAttr(default=USUAL_DAYS)

    @property
    def _interval(self) -> Interval | None:
        """Return how long an interval is, None of what has none."""
        return None

    def frame(self, *, now: datetime, zone: str, week_start: WeekStart) -> Frame:
        """Return the time that the query looks at, of nobody's events; `zone` and `week_start` where it names none. Raises Invalid."""
        return frame_of(
            workspace="",
            now=now,
            zone=self.time_zone or zone,
            week_start=WeekStart(self.week_start or week_start),
            interval=self._interval,
            start=self.start,
            end=self.end,
            days=self._days,
            by_day=self.BY_DAY,
        )

    def until(self, at: datetime, *, days: int | None) -> Self:
        """Return the query as it is asked at a time, of so many days, where it does not say itself until and from when."""
        if self.end is not None:
            return self
        asked = self.model_copy(update={"end": at})
        asked._days = days or USUAL_DAYS
        return asked

    async def open_frame(self, session: AsyncSession) -> Frame:
        """Return what the query looks at; raises Invalid."""
        return await asking.open_frame(
            session,
            interval=self._interval,
            start=self.start,
            end=self.end,
            zone=self.time_zone,
            week_start=None if self.week_start is None else WeekStart(self.week_start),
            where=tuple(self.where),
            include_filtered=self.include_filtered,
            lighter=self.LIGHTER,
            days=self._days,
            by_day=self.BY_DAY,
        )


class InsightIn(RangeIn):
    """What is asked by interval: also how long one is."""

    interval: Interval = Interval.DAY

    @property
    def _interval(self) -> Interval | None:
        """Return what the query says."""
        return self.interval


class ActivityIn(InsightIn):
    """A query about people who did one thing: events called `event` (null: whatever people did) for which all of `where` hold."""

    event: ShortText | None = None

    def to_filter(self) -> EventFilter:
        """Return what counts; `where` is the frame's."""
        return EventFilter(self.event)


class InsightPersonOut(OutModel):
    """A person behind a number, and the newest of the ids that a product knows them by."""

    person: UUID
    distinct_id: str


@contextmanager
def within(pointer: str) -> Iterator[None]:
    """Name the fields of what is refused in here as fields below `pointer`."""
    try:
        yield
    except Invalid as error:
        raise Invalid.each(FieldError(f"{pointer}{each.pointer}", each.detail) for each in error.errors) from error


def portion_of(page: Page) -> Portion:
    """Return which persons to ask for: one more than the page shows, to know whether there are more."""
    return Portion(page.limit + 1, str(page.after[0]) if page.after else None)


def as_page(found: Sequence[Person], page: Page) -> Listing[InsightPersonOut]:
    """Return a page of what `portion_of` asked for."""
    shown = list(found[: page.limit])
    cursor = page.cursor([shown[-1][0]]) if len(found) > page.limit else None
    return PageOf(shown, cursor).map(lambda each: InsightPersonOut(person=UUID(each[0]), distinct_id=each[1]))


@dataclass(frozen=True)
class Sheet:
    """A table as whoever asks wants it: whether as CSV where there is JSON too, and what that begins with."""

    is_wanted: bool
    mark: str

    def text(self, names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
        """Return a table as CSV."""
        return self.mark + as_csv(names, rows)

    def answer(
        self, names: Sequence[str], rows: Iterable[Sequence[Cell]], headers: Mapping[str, str] | None = None
    ) -> Response:
        """Answer with a table as CSV."""
        return Response(self.text(names, rows), media_type=CSV, headers=dict(headers or {}))


def sheet_of(
    request: Request,
    bom: Annotated[
        bool, Field(description="Begin CSV with a byte order mark, without which Excel garbles all but ASCII.")
    ] = False,
) -> Sheet:
    """Return how a table is wanted: a dependency of the doors that have one."""
    return Sheet(prefers_csv(request.headers.get("accept")), BYTE_ORDER_MARK if bom else "")


async def tell(insight: Insight, session: AsyncSession, question: InModel, sheet: Sheet) -> Any:
    """Answer a question as it is accepted: as CSV where that is asked for, else as JSON. Raises TooHeavy, StoreUnavailable, Invalid."""
    found = await insight.find(session, question)
    return sheet.answer(*insight.as_table(found)) if sheet.is_wanted else insight.shown(found)
