"""Names that somebody wrote and nothing here has: refused with the name, and with the nearest one that is known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

NAME_CHARACTERS = 100
"""Longer ones are told cut off, and have no nearest: comparing takes as long as both are."""
NAMES_TOLD = 20


def hint(name: str, known: Collection[str]) -> str:
    """Return how a sentence about an unknown name ends: with the nearest known one, else with all when they are few."""
    near = get_close_matches(name, known, 1) if len(name) <= NAME_CHARACTERS else []
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= NAMES_TOLD else ""


def unknown(name: str, known: Collection[str], *, what: str) -> str:
    """Say that `name` is no known `what`, and what is nearest: `feedback.recieved is no event type; did you mean …?`."""
    told = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
    return f"{told} is no {what}{hint(name, known)}"
