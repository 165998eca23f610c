"""Decide what of a found post is shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from opsloop_feedback.terms.rules import Vocabulary, spans

EXCERPT_CHARACTERS = 200
BEFORE_CHARACTERS = 40
MOST_SPANS = 20


@dataclass(frozen=True)
class Highlight:
    """A piece of a field, and where it speaks of what was asked for: first character and the one after the last."""

    field: str
    excerpt: str
    spans: list[tuple[int, int]]


def highlights(
    title: str | None, body: str, terms: Collection[str], *, by: Vocabulary | None = None
) -> list[Highlight]:
    """Return what title and body say of some terms, around the first of them."""
    found = []
    for field, text in (("title", title), ("body", body)):
        places = spans(text, terms, by=by) if text else []
        if text and places:
            start = max(0, places[0][0] - BEFORE_CHARACTERS)
            excerpt = text[start : start + EXCERPT_CHARACTERS]
            inside = [
                (first - start, min(last - start, EXCERPT_CHARACTERS))
                for first, last in places
                if first - start < EXCERPT_CHARACTERS
            ]
            found.append(Highlight(field, excerpt, inside[:MOST_SPANS]))
    return found
