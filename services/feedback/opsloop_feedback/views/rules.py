"""Whose a view is, and how much it may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsloop_common.errors import Invalid
from opsloop_common.limits import VIEW_QUERY_CHARACTERS
from opsloop_feedback.filters.rules import query_of


def owner_of(*, actor: str, source: str) -> str:
    """Return whose a new view is: a person's, else that of the source that a key speaks for, which the next key has too."""
    return actor if actor.startswith("user:") else f"source:{source}"


def require_addressable(filters: Mapping[str, Any], sort: str) -> None:
    """Raise Invalid (422) for filters that no address has room for: the list is asked for by these."""
    if len(query_of(filters, sort)) > VIEW_QUERY_CHARACTERS:
        raise Invalid("/filters", f"must not be longer than {VIEW_QUERY_CHARACTERS} characters as a query")
