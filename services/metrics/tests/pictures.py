"""Reads pictures, for tests of what they show and tell."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from opsloop_metrics.charts.rules import draw

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg):
    return ElementTree.fromstring(svg)  # noqa: S314 our own text: that it is well-formed XML


def words(svg):
    """Return all that is shown or told, besides the style."""
    return " ".join(
        text for each in parsed(svg).iter() if each.tag != f"{SVG}style" for text in (each.text, each.tail) if text
    )


def described(svg):
    return parsed(svg).find(f"{SVG}desc").text


def shown(svg):
    """Return what is shown as text, in the order of the document."""
    return ["".join(each.itertext()) for each in parsed(svg).iter(f"{SVG}text")]


def of_class(svg, name):
    return [each for each in parsed(svg).iter() if name in each.get("class", "").split()]


def bars(svg):
    """Return the rectangles that tell something to a pointer."""
    return [each for each in parsed(svg).iter(f"{SVG}rect") if each.find(f"{SVG}title") is not None]


def both(kind: str, answer: dict[str, Any], **options: Any) -> tuple[str, str]:
    """Return a picture in English and in Chinese."""
    return draw(kind, answer, locale="en", **options), draw(kind, answer, locale="zh-CN", **options)
