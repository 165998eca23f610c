"""Filters of events: conditions, regular expressions, and groups of them of which all or any have to hold.

A filter is a list of which all hold, as conditions alone are. What a group adds is bounded: two levels of groups, so many terms in all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from opsloop_common import regexes
from opsloop_common.conditions import ATTRIBUTES, MAX_CONDITIONS, Condition, place_in, value_at
from opsloop_common.conditions import holds as condition_holds
from opsloop_common.contracts.known import field_fault, shape_at
from opsloop_common.documents import require_known_names
from opsloop_common.errors import Invalid
from opsloop_common.invisible import comparable
from opsloop_common.meaningful import value_fault

MAX_TERMS = 50
"""Conditions and regular expressions of one filter, in all its groups."""
MAX_REGEXES = 10


def _pattern(value: str) -> str:
    if fault := regexes.flaw(comparable(value)):
        raise ValueError(fault)
    return value


class _Term(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_names(cls, value: Any) -> Any:
        return require_known_names(value, cls.model_fields)


class RegexCondition(_Term):
    """A regular expression (RE2's syntax) that matches somewhere in a text, or in one of a list; what an event lacks matches none.

    The first 10,000 characters are looked at, without invisible ones.
    """

    field: Annotated[str, *place_in(ATTRIBUTES)]
    op: Literal["regex"]
    value: Annotated[str, Field(min_length=1, max_length=regexes.MAX_PATTERN), AfterValidator(_pattern)]


def _kind(value: Any) -> str:
    """Return which term a JSON value, or one that was read already, is meant to be."""
    said = value if isinstance(value, Mapping) else vars(value) if isinstance(value, BaseModel) else {}
    for name in ("all", "any"):
        if name in said:
            return name
    return "regex" if said.get("op") == "regex" else "condition"


_Condition = Annotated[Condition, Tag("condition")]
_Regex = Annotated[RegexCondition, Tag("regex")]
_TOO_DEEP = Discriminator(
    _kind, custom_error_type="too_deep", custom_error_message="must not be a group: they go two levels deep"
)
_Leaf: TypeAlias = Annotated[_Condition | _Regex, _TOO_DEEP]
_Leaves = Annotated[list[_Leaf], Field(min_length=1, max_length=MAX_CONDITIONS)]


class InnerAll(_Term):
    """Conditions of which all have to hold."""

    all: _Leaves


class InnerAny(_Term):
    """Conditions of which one has to hold."""

    any: _Leaves


_Inner: TypeAlias = Annotated[
    _Condition | _Regex | Annotated[InnerAll, Tag("all")] | Annotated[InnerAny, Tag("any")], Discriminator(_kind)
]
_Inners = Annotated[list[_Inner], Field(min_length=1, max_length=MAX_CONDITIONS)]


class AllGroup(_Term):
    """Conditions, and groups of them, of which all have to hold."""

    all: _Inners


class AnyGroup(_Term):
    """Conditions, and groups of them, of which one has to hold."""

    any: _Inners


_Outer: TypeAlias = Annotated[
    _Condition | _Regex | Annotated[AllGroup, Tag("all")] | Annotated[AnyGroup, Tag("any")], Discriminator(_kind)
]
Term = Condition | RegexCondition | InnerAll | InnerAny | AllGroup | AnyGroup


def _members(term: Term) -> Sequence[Term]:
    if isinstance(term, InnerAll | AllGroup):
        return term.all
    return term.any if isinstance(term, InnerAny | AnyGroup) else ()


def leaves(terms: Iterable[Term], pointer: str) -> Iterator[tuple[str, Condition | RegexCondition]]:
    """Yield the conditions of a filter, each with where it stands."""
    for place, term in enumerate(terms):
        if isinstance(term, Condition | RegexCondition):
            yield f"{pointer}/{place}", term
        else:
            name = "all" if isinstance(term, InnerAll | AllGroup) else "any"
            yield from leaves(_members(term), f"{pointer}/{place}/{name}")


def _few(terms: list[Term]) -> list[Term]:
    found = [leaf for _, leaf in leaves(terms, "")]
    if len(found) > MAX_TERMS:
        raise ValueError(f"must not have more than {MAX_TERMS} conditions in all its groups")
    if sum(isinstance(leaf, RegexCondition) for leaf in found) > MAX_REGEXES:
        raise ValueError(f"must not have more than {MAX_REGEXES} regular expressions")
    return terms


Filter = Annotated[list[_Outer], Field(max_length=MAX_CONDITIONS), AfterValidator(_few)]
_STORED: TypeAdapter[list[Any]] = TypeAdapter(list[_Outer])


def read_filter(stored: Iterable[Mapping[str, Any]]) -> Sequence[Term]:
    """Return the terms that `model_dump(mode="json")` of each wrote."""
    return _STORED.validate_python(list(stored))


def all_hold(terms: Iterable[Term], document: Mapping[str, Any]) -> bool:
    """Say whether all terms hold for an event's document; no terms hold always."""
    return all(holds(term, document) for term in terms)


def holds(term: Term, document: Mapping[str, Any]) -> bool:
    """Say whether a term holds for an event's document."""
    match term:
        case Condition():
            return condition_holds(term, document)
        case RegexCondition():
            return _matches(term, document)
        case InnerAll() | AllGroup():
            return all_hold(term.all, document)
    return any(holds(each, document) for each in term.any)


def _matches(term: RegexCondition, document: Mapping[str, Any]) -> bool:
    found, pattern = value_at(document, term.field), comparable(term.value)
    texts = found if isinstance(found, list) else [found]
    return any(isinstance(text, str) and regexes.matches(pattern, comparable(text)) for text in texts)


def require_meant(terms: Iterable[Term], types: Collection[str], pointer: str) -> None:
    """Raise Invalid for the first condition that cannot be meant: on a field that none of the event types has, or with a value
    that the field never has."""
    for place, leaf in leaves(terms, pointer):
        if fault := field_fault(leaf.field, types):
            raise Invalid(f"{place}/field", fault)
        if fault := value_fault(leaf, types) if isinstance(leaf, Condition) else _regex_fault(leaf, types):
            raise Invalid(f"{place}/value", fault)


def _regex_fault(leaf: RegexCondition, types: Collection[str]) -> str | None:
    shape = shape_at(leaf.field, types)
    shapes = [shape] if shape.items is None else [shape, shape.items]
    if not shape.kinds or any(not each.kinds or "a text" in each.kinds for each in shapes):
        return None
    return f"{leaf.field} never holds a text, and a regular expression looks into texts"
