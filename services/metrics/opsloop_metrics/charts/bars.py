"""Bars: of a lifecycle (what leaves stands below zero), of stickiness, of a funnel's steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from opsloop_metrics.canvas.drawing import COLOURS, INNER, MARGIN, WIDTH, Markup, cut, joined, legend, line, rect, text
from opsloop_metrics.canvas.drawing import width_of as wide
from opsloop_metrics.canvas.scales import some, ticks
from opsloop_metrics.canvas.values import VALUES
from opsloop_metrics.canvas.words import Speech

MOST_PARTS = 6
MOST_BARS = 400
MOST_PAGES = 20
_HIGH, _TOP = 300.0, 112.0


def lifecycle(
    parts: Sequence[tuple[str, str, Sequence[float]]],
    starts: Sequence[datetime],
    speech: Speech,
    *,
    open_from: int | None,
) -> tuple[Markup, float]:
    """Return stacked bars; `parts` are (class, name, values), values below zero hang down, those from `open_from` on are pale."""
    count = min(len(starts), MOST_BARS)
    above = [sum(max(values[place], 0) for *_, values in parts) for place in range(count)]
    below = [sum(min(values[place], 0) for *_, values in parts) for place in range(count)]
    field = _Field(ticks(min(below, default=0), max(above, default=0), whole=True), count, speech)
    names = speech.days(starts)
    drawn: list[Markup] = []
    for place in range(count):
        up = down = 0.0
        pale = "" if open_from is None or place < open_from else " pale"
        for css, name, values in parts:
            value = values[place]
            start, end = (up, up + value) if value > 0 else (down + value, down)
            up, down = (end, down) if value > 0 else (up, start)
            if value:
                tip = f"{names[place]} · {name}: {speech.number(value)}"
                drawn.append(
                    rect(field.x(place), field.y(end), field.bar, field.y(start) - field.y(end), css + pale, tip=tip)
                )
    key = legend(((css, name) for css, name, _ in parts), 90)
    return joined([key, field.grid(), *drawn, field.names(names)]), field.bottom + 44


def stickiness(people: Sequence[float], speech: Speech) -> tuple[Markup, float]:
    """Return a bar for each number of intervals, from 1."""
    shown = people[:MOST_BARS]
    field = _Field(ticks(0, max(shown, default=0), whole=True), len(shown), speech)
    drawn: list[Markup] = []
    for place, value in enumerate(shown):
        y = field.y(value)
        tip = f"{place + 1}: {speech.number(value)}"
        drawn.append(rect(field.x(place), y, field.bar, field.bottom - y, "f0", tip=tip, radius=1.5))
        said = speech.short(value)
        if value and wide(said, 11) < field.step:
            drawn.append(text(field.x(place) + field.bar / 2, y - 5, said, css="ink", size=11, anchor="middle"))
    names = [speech.number(place + 1) for place in range(len(shown))]
    return joined([field.grid(), *drawn, field.names(names)]), field.bottom + 44


class _Field:
    """Where bars stand."""

    def __init__(self, scale: list[float], count: int, speech: Speech) -> None:
        self.scale, self.speech = scale, speech
        self.labels = [speech.short(each) for each in scale]
        self.left = MARGIN + max(map(wide, self.labels)) + 10
        self.bottom = _TOP + _HIGH
        self.step = (WIDTH - MARGIN - self.left) / max(count, 1)
        self.bar = min(self.step * 0.76, 64.0)

    def x(self, place: int) -> float:
        return self.left + self.step * place + (self.step - self.bar) / 2

    def y(self, value: float) -> float:
        low, high = self.scale[0], self.scale[-1]
        return self.bottom - (value - low) / (high - low) * _HIGH

    def grid(self) -> Markup:
        parts = []
        for value, label in zip(self.scale, self.labels, strict=True):
            y = self.y(value)
            parts.append(line(self.left, y, WIDTH - MARGIN, y, "axis" if value == 0 else "rule"))
            parts.append(text(self.left - 8, y + 4, label, css="soft", anchor="end"))
        return joined(parts)

    def names(self, names: Sequence[str]) -> Markup:
        room = (WIDTH - MARGIN - self.left) / (max(map(wide, names), default=1) + 16)
        return joined(
            text(self.x(place) + self.bar / 2, self.bottom + 20, names[place], css="soft", anchor="middle")
            for place in some(len(names), max(1, int(room)))
        )


def funnel(
    steps: Sequence[Mapping[str, Any]], parts: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], speech: Speech
) -> tuple[Markup, float]:
    """Return a bar for each step, as long as its part of the first, and below it a thin one for each breakdown value."""
    shown = parts[:MOST_PARTS]
    first = steps[0]["count"] if steps else 0
    drawn: list[Markup] = []
    y = 96.0
    for place, step in enumerate(steps):
        share = speech.share(step["from_first"] if place else (1.0 if first else None))
        right = f"{speech.number(step['count'])} · {share}"
        name = f"{place + 1}  {_named(step, speech)}"
        drawn.append(text(MARGIN, y, cut(name, INNER - wide(right, 13) - 30, 13), size=13))
        drawn.append(text(WIDTH - MARGIN, y, right, css="ink strong", size=13, anchor="end"))
        length = INNER * (step["count"] / first if first else 0)
        drawn += [
            rect(MARGIN, y + 9, INNER, 18, "ghost", radius=3),
            rect(MARGIN, y + 9, min(length, INNER), 18, "f0", radius=3),
        ]
        y += 27
        for colour, (value, own) in enumerate(shown):
            drawn += _thin(value, own, place, colour % COLOURS, y + 6, speech)
            y += 17
        said = _what_left(step, place, speech)
        drawn += [text(MARGIN, y + 18, said, css="soft", size=11.5)] if said else []
        y += 50 if said else 32
    return joined(drawn), y - 12


def friction(pages: Sequence[Mapping[str, Any]], speech: Speech) -> tuple[Markup, float]:
    """Return a bar for each page, the first ones: as pale as it is long are people who were there, filled those who met trouble."""
    shown = pages[:MOST_PAGES]
    most = max((page["reach"] for page in shown), default=0)
    drawn: list[Markup] = []
    y = 96.0
    for place, page in enumerate(shown):
        right = f"{speech.number(page['troubled'])} / {speech.number(page['people'])} · {speech.share(page['share'])}"
        name = f"{place + 1}  {page['page']}"
        drawn += [
            text(MARGIN, y, cut(name, INNER - wide(right, 13) - 30, 13), size=13),
            text(WIDTH - MARGIN, y, right, css="ink strong", size=13, anchor="end"),
            rect(MARGIN, y + 9, INNER * page["reach"] / most, 14, "ghost", radius=3),
            rect(MARGIN, y + 9, INNER * page["score"] / most, 14, "f1", radius=3),
            text(MARGIN, y + 38, _kinds(page, speech), css="soft", size=11.5),
        ]
        y += 66
    return joined(drawn), y - 12


def _kinds(page: Mapping[str, Any], speech: Speech) -> str:
    """Return which trouble people met, and how many of them."""
    kinds = [kind for kind in VALUES["friction"] if page[kind]]
    return " · ".join(speech.value(kind, "friction").format(count=speech.number(page[kind])) for kind in kinds)


def _thin(
    value: str, own: Sequence[Mapping[str, Any]], place: int, colour: int, y: float, speech: Speech
) -> list[Markup]:
    first = own[0]["count"]
    share = own[place]["count"] / first if first else 0
    left, right = MARGIN + 168, WIDTH - MARGIN - 150
    said = f"{speech.number(own[place]['count'])} · {speech.share(share if first else None)}"
    return [
        text(MARGIN + 12, y + 9, cut(value, 150, 11.5), css="soft", size=11.5),
        rect(left, y + 1, (right - left) * min(share, 1), 9, f"f{colour}", radius=2),
        text(WIDTH - MARGIN, y + 9, said, css="soft", size=11.5, anchor="end"),
    ]


def _named(step: Mapping[str, Any], speech: Speech) -> str:
    label: str = step["label"]
    return speech.say("any") if label in ("", "*") else label


def _what_left(step: Mapping[str, Any], place: int, speech: Speech) -> str:
    if not place:
        return ""
    dropped, before = step["dropped"], step["count"] + step["dropped"] + step["in_progress"]
    said = [
        speech.say("dropped", count=speech.number(dropped), share=speech.share(dropped / before if before else None))
    ]
    if step["median_seconds"] is not None:
        said.append(speech.say("median", time=speech.time(step["median_seconds"])))
    if step["in_progress"]:
        said.append(speech.say("in_progress", count=speech.number(step["in_progress"])))
    return " · ".join(said)
