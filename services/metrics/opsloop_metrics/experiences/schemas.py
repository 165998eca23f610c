"""HTTP shapes of experience."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.experiences.rules import Metric, Rating
from opsloop_metrics.shapes import InsightIn


class ExperienceIn(InsightIn):
    """How fast are pages, what annoys people, what fails, and where does it hurt most? `limit`: of each list so many rows."""

    limit: Annotated[int, Field(ge=1, le=100)] = 10


class VitalOut(OutModel):
    """One metric: milliseconds, `cls` without a unit; shares of samples by rating."""

    metric: Metric
    samples: int
    p75: float | None
    rating: Rating | None
    good: float | None
    needs_improvement: float | None
    poor: float | None


class VitalOverTimeOut(VitalOut):
    """One metric, and its p75 by interval."""

    values: list[float | None]


class PageVitalsOut(OutModel):
    """The metrics of one page; `samples` are those of all metrics."""

    page: str
    samples: int
    metrics: list[VitalOut]


class VitalsOut(OutModel):
    """Web vitals: of all pages, and of those with the most samples."""

    metrics: list[VitalOverTimeOut]
    pages: list[PageVitalsOut]


class ClickTotalOut(OutModel):
    """Clicks of one kind."""

    events: int
    people: int
    per_1000_sessions: float | None


class ClickedPageOut(OutModel):
    """Clicks on a page."""

    page: str
    rage: int
    dead: int
    people: int


class ClickedElementOut(ClickedPageOut):
    """Clicks on an element, by its text and selector as far as they are told."""

    text: str | None
    selector: str | None


class ClicksOut(OutModel):
    """Rage and dead clicks, and the pages and elements with the most of them."""

    rage: ClickTotalOut
    dead: ClickTotalOut
    pages: list[ClickedPageOut]
    elements: list[ClickedElementOut]


class ErrorsOut(OutModel):
    """Errors, whom they met, and the shares of those who were there and met none; `version` is null for all of them."""

    version: str | None
    events: int
    people: int
    sessions: int
    active_people: int
    active_sessions: int
    crash_free_people: float | None
    crash_free_sessions: float | None


class ErrorKindOut(OutModel):
    """Errors that say the same; `#` stands for numbers in the message."""

    type: str | None
    message: str | None
    events: int
    people: int


class AllErrorsOut(OutModel):
    """Errors in all, by the versions with the most people, and by what they say."""

    total: ErrorsOut
    versions: list[ErrorsOut]
    kinds: list[ErrorKindOut]


class FrictionOut(OutModel):
    """How much a page hurts: `score` = `share` x `reach`. All counts are people."""

    page: str
    score: float
    share: float
    reach: float
    people: int
    troubled: int
    rage: int
    dead: int
    errors: int
    poor_vitals: int


class ExperienceOut(OutModel):
    """How people fare; lists are sorted, what is worst or most first."""

    intervals: list[Timestamp]
    incomplete_from: int | None
    people: int
    sessions: int
    vitals: VitalsOut
    clicks: ClicksOut
    errors: AllErrorsOut
    friction: list[FrictionOut]
