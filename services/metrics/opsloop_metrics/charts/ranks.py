"""Ranked things: a name, what is said of it, and bars as long as its shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from opsloop_metrics.canvas.drawing import INNER, MARGIN, WIDTH, Markup, cut, joined, legend, rect, text
from opsloop_metrics.canvas.drawing import width_of as wide

MOST_ROWS = 50


class Ranked(NamedTuple):
    """One thing; `shares` of one, a bar each."""

    name: str
    said: str
    shares: Sequence[float | None]


def draw(rows: Sequence[Ranked], names: Sequence[str] = ()) -> tuple[Markup, float]:
    """Return bars below each other; `names` are what the bars of a thing stand for, where it has several."""
    colours = [f"f{place}" for place in range(8)]
    drawn = [legend(zip(colours, names, strict=False), 90)] if names else []
    y = 122.0 if names else 96.0
    for row in rows[:MOST_ROWS]:
        drawn.append(text(MARGIN, y, cut(row.name, INNER - wide(row.said, 13) - 30, 13), size=13))
        drawn.append(text(WIDTH - MARGIN, y, row.said, css="ink strong", size=13, anchor="end"))
        high, tip = 14 / len(row.shares), f"{cut(row.name, 400)}: {row.said}"
        drawn.append(rect(MARGIN, y + 8, INNER, 14, "ghost", radius=2))
        for css, share in zip(colours, row.shares, strict=False):
            drawn.append(rect(MARGIN, y + 8, INNER * min(share or 0, 1), high, css, tip=tip, radius=2))
            y += high
        y += 44 - 14
    return joined(drawn), y
