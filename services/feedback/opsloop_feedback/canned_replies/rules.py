"""What a canned reply says: the text of the author's language, with what stands in the post in its places.

A place is `{{ author.name }}`, or with what is said where that is not known: `{{ author.name | there }}`. There is nothing to
compute and nothing that is put in is read again, so that no author's words become places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from opsloop_common.errors import Invalid
from opsloop_common.known_names import unknown

MOST_CHARACTERS = 50_000
"""As long as a reply may be."""
PLACES = ("author.name", "author.user_id", "number", "title", "kind", "area", "team", "assignee", "external_id")
SPOKEN = {"latin": "en"}
"""The language of posts of which triage sees no more than the script."""
_PLACE = re.compile(r"\{\{([^{}]{1,200})\}\}")


def require_places(texts: Sequence[Mapping[str, str]]) -> None:
    """Raise Invalid (422) for a place that a post does not have, or braces that are none."""
    for number, text in enumerate(texts):
        pointer, body = f"/texts/{number}/body", text["body"]
        for found in _PLACE.finditer(body):
            name = found[1].partition("|")[0].strip()
            if name not in PLACES:
                raise Invalid(pointer, unknown(name, PLACES, what="place of a canned reply"))
        if "{{" in _PLACE.sub("", body) or "}}" in _PLACE.sub("", body):
            raise Invalid(pointer, "must have places such as {{ author.name }}, with nothing in braces within them")


def text_for(texts: Sequence[Mapping[str, str]], wanted: Sequence[str | None]) -> Mapping[str, str]:
    """Return the text of the first wanted language that there is: exactly, else the same language of another place, else the first."""
    for locale in wanted:
        for fits in (_is_same, _is_alike):
            for text in texts:
                if locale and fits(text["locale"], locale):
                    return text
    return texts[0]


def _is_same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _is_alike(one: str, other: str) -> bool:
    return _is_same(one.partition("-")[0], other.partition("-")[0])


def filled(body: str, values: Mapping[str, str | None]) -> str:
    """Return a text with what stands in a post in its places; Invalid (422) when that is longer than a reply may be."""

    def put(found: re.Match[str]) -> str:
        name, _, otherwise = (part.strip() for part in found[1].partition("|"))
        return values.get(name) or otherwise

    said = _PLACE.sub(put, body)
    if len(said) > MOST_CHARACTERS:
        raise Invalid("", f"comes to more than {MOST_CHARACTERS} characters for this feedback")
    return said
