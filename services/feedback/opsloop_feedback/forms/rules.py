"""What a form may ask, and which colours its button has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from opsloop_common.errors import Invalid

ACCENT = "#0b57d0"
_INK, _PAPER = "#1b1b1f", "#ffffff"


class Ask(StrEnum):
    """What a field asks for: a part that every post may have, or an attribute of the form's own."""

    TITLE = "title"
    RATING = "rating"
    NAME = "name"
    EMAIL = "email"
    KIND = "kind"
    TEXT = "text"
    CHOICE = "choice"
    YES = "yes"


OWN = frozenset({Ask.TEXT, Ask.CHOICE, Ask.YES})
"""What is kept as an attribute, under a name, and therefore needs words."""


class Outcome(StrEnum):
    """What became of something that was sent by a form: a post, or spam, and by what it was known."""

    RECEIVED = "received"
    HONEYPOT = "honeypot"
    TOO_FAST = "too_fast"


def require_askable(fields: Sequence[Mapping[str, Any]]) -> None:
    """Raise Invalid (422) for fields that are asked twice, or that lack what their kind needs or have what it has no use for."""
    seen: set[str] = set()
    for place, field in enumerate(fields):
        pointer, ask = f"/fields/{place}", Ask(field["ask"])
        if ask in OWN:
            _require(
                field["name"] is not None,
                f"{pointer}/name",
                "is needed: the answer is kept as an attribute of this name",
            )
            _require(field["label"] is not None, f"{pointer}/label", "is needed: what is asked has no words of its own")
        else:
            _require(field["name"] is None, f"{pointer}/name", "is of text, choice and yes only")
        is_choice = ask is Ask.CHOICE
        _require(
            bool(field["options"]) == is_choice, f"{pointer}/options", "are needed by a choice, and by nothing else"
        )
        values = [option["value"] for option in field["options"]]
        _require(len(set(values)) == len(values), f"{pointer}/options", "must differ in value")
        key = key_of(field)
        _require(key not in seen, pointer, "is asked twice")
        seen.add(key)


def _require(holds: bool, pointer: str, detail: str) -> None:
    if not holds:
        raise Invalid(pointer, detail)


def key_of(field: Mapping[str, Any]) -> str:
    """Return what the page calls a field."""
    return f"own.{field['name']}" if field["ask"] in OWN else str(field["ask"])


def accents(accent: str | None) -> tuple[str, str]:
    """Return the colour of a button, and that of the words on it: of ink and paper the one that stands out more."""
    ground = accent or ACCENT
    return ground, max((_PAPER, _INK), key=lambda words: contrast(words, ground))


def contrast(one: str, other: str) -> float:
    """Return how much two colours `#rrggbb` stand out from each other, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
