"""HTTP shapes of views."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field, JsonValue

from opsloop_common.http.paging import Listing
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent
from opsloop_feedback.filters.rules import Sort
from opsloop_feedback.shapes import FiltersIn


class ViewIn(InModel):
    """Filters and an order to keep. One that is shared everybody in the workspace sees, and may change."""

    name: ShortText
    filters: FiltersIn = Field(default_factory=FiltersIn)
    sort: Sort = Sort.NEWEST
    is_shared: bool = False


class ViewPatch(InModel):
    """What to change; fields left out stay. Filters are given whole."""

    name: ShortText = Field(default_factory=absent)
    filters: FiltersIn = Field(default_factory=absent)
    sort: Sort = Field(default_factory=absent)
    is_shared: bool = Field(default_factory=absent)


class ViewOut(OutModel):
    """A view."""

    id: UUID
    name: str
    filters: dict[str, JsonValue] = Field(description="What narrows nothing is left out.")
    sort: Sort
    query: str = Field(description="What to put behind `/v1/feedback?` to see it.")
    is_shared: bool
    is_mine: bool
    created_at: Timestamp
    updated_at: Timestamp


class ViewCount(OutModel):
    """How many posts a view shows."""

    count: int
    is_exact: bool = Field(description="False: there are older posts, which were not looked at.")


class ViewListing(Listing[ViewOut]):
    """One page of views, and how many posts each shows, by its id."""

    counts: dict[UUID, ViewCount] | None = Field(description="Null unless `counts=true` is asked for.")
