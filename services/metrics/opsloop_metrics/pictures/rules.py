"""From what is known of a KPI or an objective to its picture and its table: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from opsloop_common.errors import Invalid
from opsloop_metrics.canvas.drawing import INNER, MARGIN, WIDTH, Markup, cut, joined, rect, text
from opsloop_metrics.canvas.drawing import width_of as wide
from opsloop_metrics.canvas.words import Language, Speech
from opsloop_metrics.charts import rules as charts
from opsloop_metrics.charts.rules import Answer, Band, Beside, Drawn, Line, Note
from opsloop_metrics.insights.periods import Frame, Interval, steps
from opsloop_metrics.insights.tables import Cell

Table = tuple[Sequence[str], Sequence[Sequence[Cell]]]
_INTERVALS = 30
_POINTS = 1_000
_MONTHS = 12
"""So many are shown where nobody says from when: events are not kept for 30 months."""
_SEVERITIES = {"critical": "f1", "warning": "f5", "info": "f6"}
_STATES = {"on_track": "f2", "achieved": "f2", "at_risk": "f5", "off_track": "f1", "missed": "f1", "not_started": "f6"}
_ROW = 46
_UNIT = 120
"""Room for a unit, which people write."""
SHARE = "ratio"
"""The unit of what is told in percent."""


@dataclass(frozen=True)
class Point:
    """What a KPI came to in `[start, end)`, what it was to reach, and between which it was expected where a monitor says so."""

    start: datetime
    end: datetime
    value: float | None
    samples: int
    target: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Trouble:
    """An incident; without an end it is open. `judged`: how long a time was that it is about, where that was over when it was judged."""

    severity: str
    start: datetime
    end: datetime | None
    judged: timedelta | None = None


@dataclass(frozen=True)
class Portrait:
    """A KPI over time. `open_from`: the place of the first point that is not over."""

    name: str
    unit: str | None
    is_share: bool
    frame: Frame
    points: Sequence[Point]
    open_from: int | None
    troubles: Sequence[Trouble] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True)
class Part:
    """A key result, or an objective below. `value`, `start` and `target` are None of what only has a progress."""

    title: str
    state: str
    progress: float | None
    kpi: str | None = None
    value: float | None = None
    start: float | None = None
    target: float | None = None
    weight: float = 1.0
    unit: str | None = None


@dataclass(frozen=True)
class Goal:
    """An objective with its parts; `start` to `end` is its time, of which the share `pace` has passed."""

    title: str
    state: str
    progress: float | None
    pace: float
    start: datetime
    end: datetime
    zone: str
    parts: Sequence[Part] = field(default_factory=list)


def since(until: datetime, interval: Interval, zone: str) -> datetime:
    """Return from when a KPI is shown up to a time, where nobody says so."""
    count = _MONTHS if interval is Interval.MONTH else _INTERVALS
    return steps(until, 1 - count, interval, zone)


def require_kept(interval: Interval, period: Interval) -> None:
    """Raise Invalid for intervals shorter than those for which something is kept of a KPI."""
    order = list(Interval)
    if order.index(interval) < order.index(period):
        raise Invalid("/interval", f"of this KPI one value is kept for each {period}")


def edges_until(frame: Frame) -> list[datetime]:
    """Return the starts of the intervals that have begun, and where the last is cut: now, or at the frame's end; nothing where none has."""
    begun = [edge for edge in frame.edges[:-1] if edge < frame.now]
    return [*begun, min(frame.edges[len(begun)], frame.now, frame.end)] if begun else []


def even(start: datetime, end: datetime, length: timedelta) -> list[datetime]:
    """Return the edges of intervals of one length from `start` to `end`, the last one cut off there; raises Invalid."""
    if end <= start:
        raise Invalid("/to", "has to be after from")
    if length < timedelta(seconds=1):
        raise Invalid("/interval", "is at least one second")
    count = -((start - end) // length)
    if count > _POINTS:
        raise Invalid("/interval", f"makes {count} intervals of this time; {_POINTS} fit one answer")
    return [start + place * length for place in range(count)] + [end]


def draw_kpi(portrait: Portrait, language: Language) -> str:
    """Return a KPI's picture as SVG: a line beside its target, incidents as bands, what people noted as marks."""
    speech = Speech(language, ZoneInfo(portrait.frame.zone))
    bands = [_band(each, portrait.frame, speech) for each in portrait.troubles]
    beside = Beside(portrait.frame, notes=portrait.notes, bands=bands)
    answer = {
        "intervals": [each.start.isoformat() for each in portrait.points],
        "incomplete_from": portrait.open_from,
    }
    return charts.drawn(partial(_course, portrait), answer, speech, title=portrait.name, beside=beside)


def _course(portrait: Portrait, answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    points, unit = portrait.points, portrait.unit
    if all(each.value is None for each in points):
        return Markup(""), 0, "", []
    targets = [each.target for each in points]
    main = Line(
        speech.say("value"),  # the title has its name
        [each.value for each in points],
        is_share=portrait.is_share,
        low=[each.low for each in points],
        high=[each.high for each in points],
    )
    named = [main]
    if any(each is not None for each in targets):
        named.append(Line(speech.say("target"), targets, is_share=portrait.is_share, is_aim=True))
    said = [unit] if unit and not portrait.is_share else []
    if any(each.low is not None for each in points):
        said.append(speech.say("expected"))
    if beside.bands:
        said.append(speech.say("incidents", count=speech.number(len(beside.bands))))
    return charts.over_time(answer, named, speech, beside, said=said)


def ago(trouble: Trouble, interval: Interval) -> timedelta:
    """Return by how much a picture shows an incident earlier: of a day that was judged when it was over, around the point of that day."""
    if trouble.judged is None:
        return timedelta()
    length = timedelta(hours=1) if trouble.judged <= timedelta(hours=1) else timedelta(days=1)
    is_a_point = interval is (Interval.HOUR if length == timedelta(hours=1) else Interval.DAY)
    return trouble.judged + (length / 2 if is_a_point else timedelta())


def _band(trouble: Trouble, frame: Frame, speech: Speech) -> Band:
    severity = speech.value(trouble.severity, "incident")
    start = speech.moment(trouble.start)
    if trouble.end is None:
        said = speech.say("incident_open", severity=severity, start=start)
    else:
        said = speech.say("incident", severity=severity, start=start, end=speech.moment(trouble.end))
    back = ago(trouble, frame.interval)
    end = None if trouble.end is None else trouble.end - back
    return Band(trouble.start - back, end, _SEVERITIES.get(trouble.severity, "f6"), said)


def kpi_table(portrait: Portrait) -> Table:
    """Return the numbers of a KPI's picture: a row for each interval."""
    names = ("from", "to", "value", "samples", "target", "low", "high")
    return names, [
        (_in_utc(each.start), _in_utc(each.end), each.value, each.samples, each.target, each.low, each.high)
        for each in portrait.points
    ]


def _in_utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def draw_goal(goal: Goal, language: Language) -> str:
    """Return an objective's picture as SVG: a bar for each part as long as its progress, and a mark for the time that has passed."""
    speech = Speech(language, ZoneInfo(goal.zone))
    return charts.drawn(partial(_bars, goal), {}, speech, title=goal.title)


def _bars(goal: Goal, answer: Answer, speech: Speech, beside: Beside) -> Drawn:
    whole = Part(speech.say("all_together"), goal.state, goal.progress)
    parts = [whole, *goal.parts] if len(goal.parts) > 1 else list(goal.parts)
    said = [_said(each, speech) for each in parts]
    subtitle = " · ".join(
        [
            speech.span(goal.start, goal.end),
            speech.say("progress", share=speech.share(goal.progress)),
            speech.value(goal.state, "goal"),
            speech.say("pace", share=speech.share(goal.pace)),
        ]
    )
    drawn, y = list[Markup](), 96.0
    at = MARGIN + INNER * goal.pace
    for each, right in zip(parts, said, strict=True):
        drawn += [
            text(MARGIN, y, cut(each.title, INNER - wide(right, 13) - 30, 13), css=_ink(each is whole), size=13),
            text(WIDTH - MARGIN, y, right, css="ink strong", size=13, anchor="end"),
            rect(MARGIN, y + 9, INNER, 14, "ghost", radius=3),
            rect(MARGIN, y + 9, INNER * (each.progress or 0), 14, _STATES[each.state], radius=3),
            rect(at - 1, y + 5, 2, 22, "ink", tip=speech.say("pace", share=speech.share(goal.pace))),
        ]
        y += _ROW
    told = [
        speech.say("ranked", name=cut(each.title, 400), said=right) for each, right in zip(parts, said, strict=True)
    ]
    return joined(drawn), y, subtitle, told


def _ink(is_whole: bool) -> str:
    return "ink strong" if is_whole else "ink"


def _said(part: Part, speech: Speech) -> str:
    said = [speech.say("progress", share=speech.share(part.progress)), speech.value(part.state, "goal")]
    if part.start is not None and part.target is not None:
        tell = speech.share if part.unit == SHARE else speech.number
        value, start, target = (tell(each) for each in (part.value, part.start, part.target))
        unit = "" if part.unit in (None, SHARE) else f" {cut(part.unit, _UNIT, 13)}"
        said.insert(0, speech.say("way", value=value, start=start, target=f"{target}{unit}"))
    return " · ".join(said)


def goal_table(goal: Goal) -> Table:
    """Return the numbers of an objective's picture: a row for each part."""
    names = ("title", "kpi", "start", "target", "value", "unit", "weight", "progress", "pace", "state")
    return names, [
        (
            each.title, each.kpi, each.start, each.target, each.value, each.unit, each.weight, each.progress, goal.pace,
            each.state,
        )
        for each in goal.parts
    ]  # fmt: skip
