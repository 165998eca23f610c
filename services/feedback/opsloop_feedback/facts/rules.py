"""What rules and policies of the desk see of a post: the same fields for all of them, below `data`, as in filters of events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opsloop_common.errors import Invalid
from opsloop_common.filters import AllGroup, AnyGroup, InnerAll, InnerAny, Term
from opsloop_common.known_names import unknown

FIELDS = (
    "title",
    "body",
    "kind",
    "severity",
    "sentiment",
    "rating",
    "channel",
    "source",
    "language",
    "locale",
    "area",
    "tags",
    "team",
    "assignee",
    "author.user_id",
    "author.verified",
)
READ_CHARACTERS = 2_000
"""Of a body, as triage reads: twenty conditions on 50,000 characters took 126 ms, on so many they take 5."""
COLUMNS = (
    *(name for name in FIELDS if "." not in name and name != "language"),
    "author_user_id",
    "author_verified",
    "attributes",
    "triage",
)
"""What of a post's row `document_of` reads."""
_KNOWN = frozenset(f"data.{name}" for name in FIELDS)
_ATTRIBUTES = "data.attributes."


def document_of(post: Mapping[str, Any]) -> dict[str, Any]:
    """Return what conditions see of a post, given its columns. `attributes` are whatever its sender said: a customer's tier, a version."""
    seen = {name: post[name] for name in FIELDS if "." not in name and name != "language"}
    seen["body"] = post["body"][:READ_CHARACTERS]
    author = {"user_id": post["author_user_id"], "verified": post["author_verified"]}
    language = post["triage"].get("language")
    return {"data": seen | {"language": language, "attributes": post["attributes"], "author": author}}


def require_known(terms: Iterable[Term], pointer: str) -> None:
    """Raise Invalid (422) for the first condition on what a post does not have."""
    for place, field in _fields(terms, pointer):
        if field not in _KNOWN and not field.startswith(_ATTRIBUTES):
            raise Invalid(f"{place}/field", unknown(field, {*_KNOWN, f"{_ATTRIBUTES}<name>"}, what="field of a post"))


def count_conditions(terms: Iterable[Term]) -> int:
    """Return how many conditions there are in all groups, 1 for none: as much work is it to hold a post against them."""
    return max(sum(1 for _ in _fields(terms, "")), 1)


def _fields(terms: Iterable[Term], pointer: str) -> Iterator[tuple[str, str]]:
    for place, term in enumerate(terms):
        match term:
            case InnerAll() | AllGroup():
                yield from _fields(term.all, f"{pointer}/{place}/all")
            case InnerAny() | AnyGroup():
                yield from _fields(term.any, f"{pointer}/{place}/any")
            case _:
                yield f"{pointer}/{place}", term.field
