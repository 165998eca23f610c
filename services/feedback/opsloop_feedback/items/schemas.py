"""HTTP shapes of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_common.http.paging import Listing
from opsloop_common.http.schemas import InModel, Locale, OutModel, Timestamp, UserId, absent
from opsloop_feedback.filters.rules import Counts, Facet
from opsloop_feedback.shapes import FeedbackOut, Label, Tags, Title
from opsloop_feedback.states.rules import Status

Sentiment = Annotated[float, Field(ge=-1, le=1)]


class FeedbackPatch(InModel):
    """Fields to change; absent ones stay, null empties."""

    status: Status = Field(default_factory=absent)
    kind: Kind = Field(default_factory=absent)
    severity: Severity = Field(default_factory=absent)
    sentiment: Sentiment = Field(default_factory=absent)
    tags: Tags = Field(default_factory=absent)
    area: Label | None = None
    title: Title | None = None
    locale: Locale | None = None
    assignee: UserId | None = None
    team: Label | None = None
    due_at: Timestamp | None = None


class ValueCount(OutModel):
    """How many posts have a value; null: how many have none."""

    value: str | None
    count: int


class FacetOut(OutModel):
    """Counts by one field, the most frequent first, at most 100."""

    counts: list[ValueCount]
    is_exact: bool = Field(
        description="False: there are more values than are shown, or the newest 50,000 posts were counted (5,000 where `text` is asked "
        "for) and there are older ones. `created_from`, `author`, `number` and `external_id` narrow what is looked at."
    )


class FeedbackListing(Listing[FeedbackOut]):
    """One page, and the counts that were asked for."""

    facets: dict[Facet, FacetOut] | None = Field(
        description="Of each field how many posts have which value; null unless it was asked for."
    )


def shaped(counted: Mapping[Facet, Counts]) -> dict[str, Any]:
    """Return counts as they are sent."""
    return {
        facet.value: {
            "counts": [{"value": value, "count": count} for value, count in each.counts],
            "is_exact": each.is_exact,
        }
        for facet, each in counted.items()
    }
