"""The triangle of retention: a row for each cohort, the darker the more came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_metrics.canvas.drawing import MARGIN, WIDTH, Markup, cut, element, joined, rect, text
from opsloop_metrics.canvas.drawing import width_of as wide
from opsloop_metrics.canvas.words import Speech

MOST_ROWS, MOST_COLUMNS = 60, 31
_ROW, _TOP = 27.0, 96.0
_MIDDLE, _FULL = 0.6, 0.8  # where the colour is so strong that text turns: first in the dark scheme, then in both


def draw(
    cohorts: Sequence[tuple[str, Mapping[str, Any]]], average: Sequence[float | None], speech: Speech
) -> tuple[Markup, float]:
    """Return the table of cohorts (name and answer), with the average as its first row."""
    rows = cohorts[:MOST_ROWS]
    columns = min(max((len(each["values"]) for _, each in rows), default=0), MOST_COLUMNS)
    names = min(190.0, max([wide(name) for name, _ in rows] + [wide(speech.say("average"))]) + 14)
    sizes = max([wide(speech.number(each["size"])) for _, each in rows] + [wide(speech.say("size"))]) + 16
    left = MARGIN + names + sizes
    cell = min((WIDTH - MARGIN - left) / max(columns, 1), 74.0)
    grid = _Grid(left, cell, speech)
    drawn = [text(left - 12, _TOP, speech.say("size"), css="soft", size=11.5, anchor="end")]
    drawn += [
        text(grid.x(place) + cell / 2, _TOP, speech.number(place), css="soft", size=11.5, anchor="middle")
        for place in range(columns)
    ]
    y = _TOP + 10
    if any(share is not None for share in average):
        drawn.append(text(MARGIN, y + 18, speech.say("average"), css="ink strong"))
        drawn += [grid.cell(place, y, share, True, "") for place, share in enumerate(average[:columns])]
        y += _ROW + 8
    for name, each in rows:
        drawn.append(text(MARGIN, y + 18, cut(name, names - 8)))
        drawn.append(text(left - 12, y + 18, speech.number(each["size"]), css="soft", anchor="end"))
        for place, value in enumerate(each["values"][:columns]):
            if not value["has_begun"]:
                continue
            tip = f"{cut(name, 200)} · {place}: {speech.number(value['count'])}"
            drawn.append(grid.cell(place, y, value["share"], value["is_complete"], tip))
        y += _ROW
    return joined(drawn), y + 24


class _Grid:
    """Where cells stand."""

    def __init__(self, left: float, cell: float, speech: Speech) -> None:
        self.left, self.wide, self.speech = left, cell, speech

    def x(self, place: int) -> float:
        return self.left + self.wide * place

    def cell(self, place: int, y: float, share: float | None, is_complete: bool, tip: str) -> Markup:
        if share is None:
            return Markup("")
        x, wide_, high = self.x(place) + 1, self.wide - 2, _ROW - 2
        shade = 0.05 + 0.95 * min(max(share, 0), 1)
        inside = [element("title", tip)] if tip else []
        parts = [
            element("rect", *inside, x=x, y=y, width=wide_, height=high, rx=2, class_="f0", fill_opacity=f"{shade:.3f}")
        ]
        if not is_complete:
            parts.append(rect(x + 1, y + 1, wide_ - 2, high - 2, "unsure", radius=2))
        size = 11.5 if self.wide >= 44 else 9
        said = self.speech.share(share if self.wide >= 44 else round(share, 2))
        if self.wide >= 22:
            css = "on" if shade > _FULL else "middle" if shade > _MIDDLE else "ink"
            parts.append(text(x + wide_ / 2, y + 17, said, css=css, size=size, anchor="middle"))
        return joined(parts)
