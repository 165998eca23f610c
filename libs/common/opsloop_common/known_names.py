"""Names that somebody wrote and nothing here has: refused with the name, and with the nearest one that is known."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from opsloop_common.invisible import comparable, visible

NAME_CHARACTERS = 100
"""Longer ones are told cut off, and have no nearest: comparing takes as long as both are."""
NAMES_TOLD = 20


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is meant, whatever its case and what nobody sees in it: the same, else the one that ends in the
    same part, else a like one, else the longest that it begins with."""
    if len(name) > NAME_CHARACTERS:
        return None
    names = {each.casefold(): each for each in sorted(known, reverse=True)}
    wanted = comparable(name).strip().casefold()
    ending = [each for each in names if _last(each) == _last(wanted)]
    lasts = {_last(each): each for each in sorted(names, key=len, reverse=True)}
    for choice, cutoff in (([wanted] if wanted in names else [], 0.0), (ending, 0.0), (names, 0.6)):
        if near := get_close_matches(wanted, choice, 1, cutoff):
            return names[near[0]]
    if near := get_close_matches(_last(wanted), lasts, 1):
        return names[lasts[near[0]]]
    begun = [each for each in names if len(each) > 1 and wanted.startswith(each)]
    return names[max(begun, key=len)] if begun else None


def _last(name: str) -> str:
    last = name.rpartition(".")[2]
    return name if last == "*" else last  # which all families end in


def hint(name: str, known: Collection[str], *, meant: Collection[str] = ()) -> str:
    """Return how a sentence about an unknown name ends: with the nearest known one, else with all when they are few.

    `meant` may be proposed too, and is never listed.
    """
    if near := nearest(name, {*known, *meant}):
        return f"; did you mean {near}?"
    return f"; known are {', '.join(sorted(known))}" if 0 < len(known) <= NAMES_TOLD else ""


def unknown(name: str, known: Collection[str], *, what: str, meant: Collection[str] = ()) -> str:
    """Say that `name` is no known `what`, and what is nearest: `feedback.recieved is no event type; did you mean …?`."""
    told = name if len(name) <= NAME_CHARACTERS else name[: NAME_CHARACTERS - 1] + "…"
    return f"{visible(told)} is no {what}{hint(name, known, meant=meant)}"
