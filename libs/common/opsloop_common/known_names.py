"""Names that somebody wrote and nothing here has: refused with the name, and with the nearest one that is known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from opsloop_common.invisible import comparable, visible

NAME_CHARACTERS = 100
"""Longer ones are told cut off, and have no nearest: comparing takes as long as both are."""
NAMES_TOLD = 20


def hint(name: str, known: Collection[str]) -> str:
    """Return how a sentence about an unknown name ends: with the nearest known one, else with all when they are few."""
    if near := nearest(name, known):
        return f"; did you mean {near}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= NAMES_TOLD else ""


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that somebody may have meant, whatever its case; None when none is near."""
    if len(name) > NAME_CHARACTERS:
        return None
    folded, by_folded = comparable(name).strip().lower(), {each.lower(): each for each in known}
    near = get_close_matches(folded, by_folded, 1) or sorted(
        (each for each in by_folded if len(each) > 1 and folded.startswith(each)), key=len, reverse=True
    )
    return by_folded[near[0]] if near else None


def unknown(name: str, known: Collection[str], *, what: str) -> str:
    """Say that `name` is no known `what`, and what is nearest: `feedback.recieved is no event type; did you mean …?`."""
    told = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
    return f"{visible(told)} is no {what}{hint(name, known)}"
