"""What a team's rule says: of which posts, by conditions in the house's form, and what they then are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from opsloop_common.errors import Invalid
from opsloop_common.filters import Term, all_hold, read_filter
from opsloop_feedback.triage.rules import searchable

DECIDES: Final = ("kind", "severity", "area")
TEXT = "data.text"
FIELDS: Final = (
    *(
        f"data.{name}"
        for name in ("text", "title", "rating", "channel", "locale", "source", "language", "author.user_id")
    ),
    *(f"data.{name}" for name in ("kind", "severity", "sentiment", "area", "tags")),
)
"""What conditions may look at, beside `data.attributes.…`, where a customer's tier or the product's version stands."""
ATTRIBUTES = "data.attributes."


@dataclass(frozen=True)
class TeamRule:
    """One rule, ready to be held against posts."""

    id: str
    name: str
    when: Sequence[Term]
    decides: Mapping[str, str]
    add_tags: Sequence[str]

    def holds(self, post: Mapping[str, Any]) -> bool:
        """Say whether it is about a post (`{"data": {…}}`)."""
        return all_hold(self.when, post)


def read_rule(
    *, id: str, name: str, when: Sequence[Mapping[str, Any]], decides: Mapping[str, str | None], add_tags: Sequence[str]
) -> TeamRule:
    """Return a rule as it is stored; words to be found in the text are spelt as the text is."""
    said = {field: value for field, value in decides.items() if value is not None}
    return TeamRule(id, name, read_filter([_folded(term) for term in when]), said, tuple(add_tags))


def _folded(term: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: [_folded(each) for each in term[name]] for name in ("all", "any") if name in term}
    if term.get("field") == TEXT and isinstance(term.get("value"), str) and term.get("op") != "regex":
        return {**term, "value": searchable(term["value"])}
    return {**term, **inner}


def require_known(when: Sequence[Mapping[str, Any]], pointer: str) -> None:
    """Raise Invalid (422) for the first condition on something that no post has."""
    for place, field in _fields(when, pointer):
        if field not in FIELDS and not field.startswith(ATTRIBUTES):
            raise Invalid(f"{place}/field", f"must be data.attributes.<name> or one of {', '.join(FIELDS)}")


def _fields(terms: Sequence[Mapping[str, Any]], pointer: str) -> Iterator[tuple[str, str]]:
    for place, term in enumerate(terms):
        if "field" in term:
            yield f"{pointer}/{place}", term["field"]
        for name in ("all", "any"):
            yield from _fields(term.get(name, ()), f"{pointer}/{place}/{name}")


def require_decision(decides: Mapping[str, str | None], add_tags: Sequence[str]) -> None:
    """Raise Invalid (422) for a rule that decides nothing."""
    if not add_tags and not any(decides.values()):
        raise Invalid("/set", f"must give one of {', '.join(DECIDES)} or add_tags")
