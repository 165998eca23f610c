"""What posts are narrowed to, in which order they are listed, and what they are counted by: rules only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode


class Sort(StrEnum):
    """Orders of lists; a minus turns one round."""

    CREATED = "created"
    NEWEST = "-created"
    UPDATED = "updated"
    LAST_UPDATED = "-updated"
    DUE = "due"
    LAST_DUE = "-due"
    SEVERITY = "severity"
    MILDEST = "-severity"
    AFFECTED = "affected"
    MOST_AFFECTED = "-affected"

    @property
    def key(self) -> str:
        """Return what is compared."""
        return self.value.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Say whether the greatest comes first."""
        return self.value.startswith("-")


class Facet(StrEnum):
    """What posts are counted by, as the filter of the same name has it."""

    STATUS = "status"
    KIND = "kind"
    CHANNEL = "channel"
    SEVERITY = "severity"
    AUTHOR = "author"
    TAG = "tag"
    AREA = "area"
    SOURCE = "source"
    ASSIGNEE = "assignee"
    TEAM = "team"


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to. Several values of one filter mean any of them; all filters must hold."""

    status: Sequence[str] = ()
    kind: Sequence[str] = ()
    channel: Sequence[str] = ()
    severity: Sequence[str] = ()
    author: Sequence[str] = ()
    tag: Sequence[str] = ()
    area: Sequence[str] = ()
    source: Sequence[str] = ()
    external_id: Sequence[str] = ()
    number: Sequence[int] = ()
    assignee: Sequence[str] = ()
    team: Sequence[str] = ()
    cluster: Sequence[str] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    due_before: datetime | None = None
    updated_from: datetime | None = None
    text: str | None = None


@dataclass(frozen=True)
class ByAuthors(Filters):
    """Filters, and only some authors: by their ids, or by addresses where they have none; and whether these are vouched for."""

    user_ids: Sequence[tuple[str, bool]] = ()
    emails: Sequence[tuple[str, bool]] = ()


TIMES = frozenset({"created_from", "created_to", "due_before", "updated_from"})
NAMES = tuple(field.name for field in fields(Filters))


def document_of(filters: Filters) -> dict[str, Any]:
    """Return filters as a JSON document that `read` takes; what narrows nothing is left out."""
    given = {name: getattr(filters, name) for name in NAMES if getattr(filters, name)}
    return {name: _written(value) for name, value in given.items()}


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value if isinstance(value, str) else list(value)


def read(document: Mapping[str, Any]) -> Filters:
    """Return the filters that `document_of` wrote."""
    given: dict[str, Any] = {
        name: datetime.fromisoformat(value) if name in TIMES else value for name, value in document.items()
    }
    return Filters(**given)


def query_of(document: Mapping[str, Any], sort: str) -> str:
    """Return what stands behind `?` where the list is asked for by filters that `document_of` wrote, in an order."""
    return urlencode([*document.items(), ("sort", sort)], doseq=True)


@dataclass(frozen=True)
class Counts:
    """How many posts have each value of a facet, the most frequent first; not exact where there are more than were looked at."""

    counts: Sequence[tuple[str | None, int]]
    is_exact: bool
