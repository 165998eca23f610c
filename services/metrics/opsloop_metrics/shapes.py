"""HTTP shapes that all insights speak: the time they look at, and which events count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from opsloop_common.conditions import MAX_CONDITIONS, Condition
from opsloop_common.errors import FieldError, Invalid
from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.paging import Listing, Page, PageOf
from opsloop_common.http.schemas import InModel, OutModel, ShortText, parse_timestamp, said, storable
from opsloop_common.known_names import unknown
from opsloop_metrics.insights import asking
from opsloop_metrics.insights.events import COLUMNS
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, WeekStart, frame_of
from opsloop_metrics.insights.persons import Person, Portion
from opsloop_metrics.insights.tables import CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Insight

_PATHS = ("properties", "person", "group")
_PATH = re.compile(r"(properties|person)(\.[^.\x00]{1,100}){1,10}|group\.[^\x00]{1,100}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _known_field(field: str) -> str:
    if field not in COLUMNS and not _PATH.fullmatch(field):
        known = (*COLUMNS, *(f"{head}.<name>" for head in _PATHS))
        own = "" if "." in field else "; a property is called properties.<name>, a person's trait person.<name>"
        raise ValueError(f"{unknown(field, known, what='field of an event')}{own}")
    return field


def _day_or_instant(value: Any) -> date | datetime:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    return parse_timestamp(value)


def _day(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    raise ValueError("must be a day such as 2026-10-01")


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
"""A description or a note."""
Field_ = Annotated[str, AfterValidator(_known_field)]
"""A field of an event: a column, `properties.…`, `person.…` or `group.…`."""
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


class EventFilterIn(InModel):
    """Which events: those called `event` (null: whatever people did) for which all of `where` hold."""

    event: ShortText | None = None
    where: Where = Field(default_factory=list)
    label: ShortText | None = None

    def to_filter(self) -> EventFilter:
        """Return it as the queries take it."""
        return EventFilter(self.event, tuple(self.where), self.label)


class InsightIn(InModel):
    """What every insight's query says: from when to when, in which zone, and whose events count."""

    LIGHTER: ClassVar[str] = "a shorter time, or for fewer events with a condition in where"
    """What whoever asked too much may ask for instead; an insight that has more to take less of says so."""

    start: When | None = Field(default=None, alias="from")
    end: When | None = Field(default=None, alias="to")
    time_zone: TimeZone | None = None
    week_start: Literal["monday", "saturday", "sunday"] | None = None
    interval: Interval = Interval.DAY
    where: Where = Field(default_factory=list)
    include_filtered: bool = False

    def frame(self, *, now: datetime, zone: str, week_start: WeekStart) -> Frame:
        """Return the time that the query looks at, of nobody's events; `zone` and `week_start` where it names none. Raises Invalid."""
        return frame_of(
            workspace="",
            now=now,
            zone=self.time_zone or zone,
            week_start=WeekStart(self.week_start or week_start),
            interval=self.interval,
            start=self.start,
            end=self.end,
        )

    async def open_frame(self, session: AsyncSession) -> Frame:
        """Return what the query looks at; raises Invalid."""
        return await asking.open_frame(
            session,
            interval=self.interval,
            start=self.start,
            end=self.end,
            zone=self.time_zone,
            week_start=None if self.week_start is None else WeekStart(self.week_start),
            where=tuple(self.where),
            include_filtered=self.include_filtered,
            lighter=self.LIGHTER,
        )


class ActivityIn(InsightIn):
    """A query about people who did one thing: events called `event` (null: whatever people did) for which all of `where` hold."""

    event: ShortText | None = None
    label: ShortText | None = None

    def to_filter(self) -> EventFilter:
        """Return what counts; `where` is the frame's."""
        return EventFilter(self.event, label=self.label)


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


async def tell(insight: Insight, session: AsyncSession, question: InModel, accept: str | None) -> Any:
    """Answer a question as it is accepted: as CSV where that is asked for, else as JSON. Raises TooHeavy, StoreUnavailable, Invalid."""
    found = await insight.find(session, question)
    if prefers_csv(accept):
        return Response(as_csv(*insight.as_table(found)), media_type=CSV)
    return insight.shown(found)
