"""Lines over time, each with its name at its end; what people noted stands above as marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from opsloop_metrics.canvas.drawing import (
    COLOURS,
    MARGIN,
    WIDTH,
    Markup,
    cut,
    element,
    joined,
    line,
    rect,
    text,
    width_of,
)
from opsloop_metrics.canvas.scales import drawable, some, spread, ticks
from opsloop_metrics.canvas.words import Speech

MOST_LINES = 16
MOST_NOTES = 40
_HIGH, _TOP, _ROW = 300.0, 84.0, 16.0
_LEAST_BAND = 3.0
_GREY = 6  # of the colours
_LABEL = 196.0  # room for names at the ends of lines


@dataclass(frozen=True)
class Note:
    """Something that people noted at a time."""

    at: datetime
    text: str


@dataclass(frozen=True)
class Band:
    """A time that stands out, with a class for its colour; one without an end goes on."""

    start: datetime
    end: datetime | None
    css: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line: a value for each interval, None where there is none; beside it the time before, and its smooth course.

    `total` is told at its end where values add up; where they do not (people, means), the last value of an interval that is over.
    `digits`: so many are behind the point of what is money. `is_share`: parts of one, told in percent. `low` and `high`: between which
    each value was expected. `is_aim`: what values are to reach, dashed.
    """

    name: str
    values: Sequence[float | None]
    total: float | None = None
    before: Sequence[float | None] | None = None
    smooth: Sequence[float | None] | None = None
    digits: int | None = None
    is_share: bool = False
    low: Sequence[float | None] | None = None
    high: Sequence[float | None] | None = None
    is_aim: bool = False

    def said(self, value: float, speech: Speech, *, is_short: bool = False) -> str:
        """Return one of its numbers in words."""
        if self.is_share:
            return speech.share(value)
        if self.digits is not None and (abs(value) < 10_000 or not is_short):
            return speech.money(value, self.digits)
        return speech.short(value) if is_short else speech.number(value)


def draw(
    lines: Sequence[Line],
    starts: Sequence[datetime],
    speech: Speech,
    *,
    open_from: int | None,
    notes: Sequence[Note],
    bands: Sequence[Band] = (),
) -> tuple[Markup, float]:
    """Return lines and the height of the picture; the intervals from `open_from` on are not over.

    The scale begins at 0, unless one of the lines has an aim beside it and all values lie within a fifth of the highest.
    """
    shown = lines[:MOST_LINES]
    every = [value for each in shown for part in _parts(each) for value in part if value is not None]
    low, high = min(every, default=0), max(every, default=0)
    is_counted = all(value == int(value) for value in every)
    is_near = any(each.is_aim for each in shown) and high * 1e-6 < high - low < high / 5
    scale = ticks(low, high, whole=is_counted, from_zero=not is_near)
    plot = _Plot(len(starts), scale, speech, rows=_note_rows(notes), is_share=all(each.is_share for each in shown))
    marks = _notes(plot, starts, notes)
    drawn = [part for place, each in enumerate(shown) for part in _line(plot, _colour(place, each), each, open_from)]
    behind = [
        *_bands(plot, starts, bands),
        *(_expected(plot, _colour(at, each), each) for at, each in enumerate(shown)),
    ]
    body = joined([*behind, plot.grid(), plot.dates(starts), marks, *drawn, _names(plot, shown, open_from)])
    return body, plot.bottom + 44


def _colour(place: int, each: Line) -> int:
    return _GREY if each.is_aim else place % COLOURS


def _parts(each: Line) -> Iterator[list[float | None]]:
    parts = (each.values, each.before, each.smooth, each.low, each.high)
    yield from (drawable(part) for part in parts if part is not None)


def _note_rows(notes: Sequence[Note]) -> int:
    return min(len(notes), 2)


class _Plot:
    """Where intervals and values stand."""

    def __init__(self, count: int, scale: list[float], speech: Speech, *, rows: int, is_share: bool) -> None:
        self.count, self.scale, self.speech = count, scale, speech
        self.names = [speech.share(each) if is_share else speech.short(each) for each in scale]
        self.left = MARGIN + max(width_of(name) for name in self.names) + 8
        self.right = WIDTH - MARGIN - _LABEL
        self.notes_from = _TOP + 4
        self.top = _TOP + rows * _ROW + (6 if rows else 0)
        self.bottom = self.top + _HIGH

    def x(self, place: float) -> float:
        return self.left + 6 + (self.right - self.left - 12) * (place / (self.count - 1) if self.count > 1 else 0.5)

    def y(self, value: float) -> float:
        low, high = self.scale[0], self.scale[-1]
        return self.bottom - (value / (high - low) - low / (high - low)) * _HIGH

    def grid(self) -> Markup:
        parts = []
        for value, name in zip(self.scale, self.names, strict=True):
            y = self.y(value)
            parts.append(line(self.left, y, self.right, y, "axis" if value == 0 else "rule"))
            parts.append(text(self.left - 8, y + 4, name, css="soft", anchor="end"))
        return joined(parts)

    def dates(self, starts: Sequence[datetime]) -> Markup:
        names = self.speech.days(starts)
        room = (self.right - self.left) / (max(map(width_of, names)) + 22)
        shown = some(len(names), max(1, int(room)))
        return joined(
            text(self.x(place), self.bottom + 20, names[place], css="soft", anchor="middle") for place in shown
        )


def _line(plot: _Plot, colour: int, each: Line, open_from: int | None) -> Iterator[Markup]:
    css = f"line s{colour}"
    if each.is_aim:
        yield _course(plot, each.values, 0, plot.count, f"{css} before")
        return
    if each.before is not None:
        yield _course(plot, each.before, 0, plot.count, f"{css} before")
    if each.smooth is not None:
        yield _course(plot, each.values, 0, plot.count, f"{css} thin")
    main = each.values if each.smooth is None else each.smooth
    over = plot.count if open_from is None else open_from
    yield _course(plot, main, 0, over, css)
    if over < plot.count:
        yield _course(plot, main, max(over - 1, 0), plot.count, f"{css} open")
    alone = _lonely(drawable(main)[: plot.count])
    yield joined(
        element("circle", cx=plot.x(place), cy=plot.y(value), r=3, class_=f"f{colour}") for place, value in alone
    )


def _course(plot: _Plot, values: Sequence[float | None], start: int, end: int, css: str) -> Markup:
    steps: list[str] = []
    pen = "M"
    for place, value in enumerate(drawable(values)[:end]):
        if place < start:
            continue
        if value is None:
            pen = "M"
            continue
        steps.append(f"{pen}{plot.x(place):.1f} {plot.y(value):.1f}")
        pen = "L"
    return element("path", d="".join(steps), class_=css) if steps else Markup("")


def _expected(plot: _Plot, colour: int, each: Line) -> Markup:
    """Return the stretch between what was expected at least and at most, wherever both are known."""
    lows, highs = (drawable(part or ())[: plot.count] for part in (each.low, each.high))
    both = [low is not None and high is not None for low, high in zip(lows, highs, strict=True)]
    areas = []
    for is_known, run in groupby(range(len(both)), key=both.__getitem__):
        places = list(run)
        if is_known:
            way = [(place, highs[place]) for place in places] + [(place, lows[place]) for place in reversed(places)]
            areas.append("M" + "L".join(f"{plot.x(place):.1f} {plot.y(value or 0):.1f}" for place, value in way) + "Z")
    return element("path", d="".join(areas), class_=f"f{colour} band") if areas else Markup("")


def _bands(plot: _Plot, starts: Sequence[datetime], bands: Sequence[Band]) -> Iterator[Markup]:
    for band in bands:
        if not starts or (band.end is not None and band.end < starts[0]):
            continue
        place = _place(starts, band.start)
        since = plot.left if band.start < starts[0] else plot.right if place is None else plot.x(place)
        place = None if band.end is None else _place(starts, band.end)
        until = plot.right if place is None else plot.x(place)
        width = max(until - since, _LEAST_BAND)
        yield rect(
            min(since, plot.right - width), plot.top, width, plot.bottom - plot.top, f"{band.css} band", tip=band.text
        )


def _lonely(values: Sequence[float | None]) -> Iterator[tuple[int, float]]:
    """Yield the values with none beside them, which no line would show."""
    for place, value in enumerate(values):
        beside = [*values[max(place - 1, 0) : place], *values[place + 1 : place + 2]]
        if value is not None and all(other is None for other in beside):
            yield place, value


def _names(plot: _Plot, lines: Sequence[Line], open_from: int | None) -> Markup:
    ends = []
    for place, each in enumerate(lines):
        main = drawable(each.values if each.smooth is None else each.smooth)[: plot.count]
        last, over = _end(main), _end(main[:open_from])
        if last is None:
            continue
        number = _number(each, main[:open_from], last[1], plot.speech)
        # beside the value that is told, and that is the last which is over
        beside = last if each.is_aim or each.total is not None or over is None else over
        ends.append((_colour(place, each), each.name, number, *beside))
    wanted = [plot.y(value) for *_, value in ends]
    placed = spread(wanted, gap=_ROW, low=plot.top + 4, high=max(plot.bottom, plot.top + len(ends) * _ROW))
    parts = []
    for (colour, name, number, at, value), y in zip(ends, placed, strict=True):
        left = cut(name, _LABEL - 10 - width_of(number))  # with half of the margin
        parts += [
            element("circle", cx=plot.x(at), cy=plot.y(value), r=3.5, class_=f"dot f{colour}"),
            element("rect", x=plot.right + 8, y=y - 5, width=9, height=9, rx=2, class_=f"f{colour}"),
            element(
                "text", left, element("tspan", number, class_="strong", dx=6), x=plot.right + 22, y=y + 4,
                class_="ink", font_size=12,
            ),
        ]  # fmt: skip
    return joined(parts)


def _end(values: Sequence[float | None]) -> tuple[int, float] | None:
    return next(((place, value) for place, value in reversed(list(enumerate(values))) if value is not None), None)


def _number(each: Line, over: Sequence[float | None], last: float, speech: Speech) -> str:
    if each.is_aim:
        return each.said(last, speech, is_short=True)
    if each.total is not None:
        return speech.say("told_total", value=each.said(each.total, speech, is_short=True))
    whole = _end(over)
    return speech.say(
        "told_so_far" if whole is None else "told_last",
        value=each.said(last if whole is None else whole[1], speech, is_short=True),
    )


def _notes(plot: _Plot, starts: Sequence[datetime], notes: Sequence[Note]) -> Markup:
    parts = []
    free = [plot.left] * 2
    for note in sorted(notes, key=lambda each: each.at)[:MOST_NOTES]:
        place = _place(starts, note.at)
        if place is None:
            continue
        x = plot.x(place)
        row = next((row for row in (0, 1) if free[row] <= x), None)
        tip = element("title", f"{plot.speech.at(note.at)}: {cut(note.text, 2_400)}")
        top = plot.top - 6
        if row is not None and row < _note_rows(notes):
            shown = cut(note.text, min(240, WIDTH - MARGIN - x - 6), 11)
            y = plot.notes_from + row * _ROW + 4
            parts.append(text(x + 5, y, shown, css="soft", size=11))
            free[row], top = x + width_of(shown, 11) + 14, y - 9
        parts.append(element("g", tip, line(x, top, x, plot.bottom, "mark")))
    return joined(parts)


def _place(starts: Sequence[datetime], at: datetime) -> float | None:
    """Return where a time lies among the intervals, between 0 and the last; None outside."""
    if not starts or at < starts[0]:
        return None
    place = sum(start <= at for start in starts) - 1
    if place == len(starts) - 1:
        gap = starts[-1] - starts[-2] if place else None
        return float(place) if gap is None or at < starts[-1] + gap else None
    return place + (at - starts[place]) / (starts[place + 1] - starts[place])
