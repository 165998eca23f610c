"""Paths: a column for each step, and ribbons as wide as the number of people who went on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from opsloop_metrics.canvas.drawing import COLOURS, INNER, MARGIN, Markup, cut, element, joined, rect, text
from opsloop_metrics.canvas.words import Speech

MOST_COLUMNS = 10
MOST_IN_A_COLUMN = 12
_HIGH, _TOP, _GAP, _BAR = 380.0, 112.0, 16.0, 9.0


def draw(
    nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]], speech: Speech
) -> tuple[Markup, float]:
    """Return columns and ribbons; a node's name is its step, `_` and what it is called."""
    columns: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for node in sorted(nodes, key=lambda each: (-each["count"], each["name"])):
        step = step_of(node["name"])
        if step is not None and len(columns[step]) < MOST_IN_A_COLUMN:
            columns[step].append(node)
    steps = [step for step in sorted(columns) if columns[step]][:MOST_COLUMNS]
    if not steps:
        return Markup(""), _TOP
    room = INNER / len(steps)
    scale = min(
        (_HIGH - _GAP * (len(columns[step]) - 1)) / max(sum(node["count"] for node in columns[step]), 1)
        for step in steps
    )
    boxes: dict[str, tuple[float, float, float, int]] = {}
    drawn: list[Markup] = []
    for place, step in enumerate(steps):
        x, y = MARGIN + place * room, _TOP
        drawn.append(text(x, _TOP - 16, speech.say("step_no", number=speech.number(step)), css="soft", size=11.5))
        for order, node in enumerate(columns[step]):
            high = max(node["count"] * scale, 1.5)
            colour = order % COLOURS
            boxes[node["name"]] = (x, y, high, colour)
            said = f"{called(node['name'])} {speech.short(node['count'])}"
            drawn.append(rect(x, y, _BAR, high, f"f{colour}", tip=cut(said, 2_400), radius=1.5))
            number = speech.short(node["count"])
            name = cut(called(node["name"]), room - _BAR - 22 - 7 * len(number), 11.5)
            drawn.append(
                element(
                    "text", name, element("tspan", number, class_="strong", dx=5), x=x + _BAR + 6,
                    y=y + max(min(high / 2, 40), 4) + 4, class_="ink", font_size=11.5,
                )
            )  # fmt: skip
            y += high + _GAP
    bottom = max(y + high for _, y, high, _ in boxes.values())
    return joined([_ribbons(edges, boxes, scale), *drawn]), bottom + 36


def _ribbons(
    edges: Sequence[Mapping[str, Any]], boxes: Mapping[str, tuple[float, float, float, int]], scale: float
) -> Markup:
    leaving: dict[str, float] = defaultdict(float)
    arriving: dict[str, float] = defaultdict(float)
    found = [edge for edge in edges if edge["source"] in boxes and edge["target"] in boxes]
    found.sort(key=lambda edge: (boxes[edge["source"]][1], boxes[edge["target"]][1]))
    parts = []
    for edge in found:
        source, target = boxes[edge["source"]], boxes[edge["target"]]
        wide = edge["count"] * scale
        x1, x2 = source[0] + _BAR, target[0]
        y1, y2 = source[1] + leaving[edge["source"]], target[1] + arriving[edge["target"]]
        leaving[edge["source"]] += wide
        arriving[edge["target"]] += wide
        middle = (x1 + x2) / 2
        course = (
            f"M{x1:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}V{y2 + wide:.1f}"
            f"C{middle:.1f} {y2 + wide:.1f} {middle:.1f} {y1 + wide:.1f} {x1:.1f} {y1 + wide:.1f}Z"
        )
        parts.append(element("path", d=course, class_=f"ribbon f{source[3]}"))
    return joined(parts)


def step_of(name: str) -> int | None:
    """Return the step that a node's name begins with, None where it has none."""
    head, found, _ = name[:12].partition("_")
    return int(head) if found and head.isascii() and head.isdigit() else None


def called(name: str) -> str:
    """Return a node's name without its step."""
    return name.partition("_")[2]
