"""HTTP shapes of segments."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, UserId, absent, said
from opsloop_metrics.definitions import DefinitionIn, WarningOut
from opsloop_metrics.segments.rules import SegmentKind

Description = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
MOST_IDS = 1_000


class SegmentIn(InModel):
    """A segment: `dynamic` with a definition, or a `static` list that is filled by hand."""

    name: ShortText
    description: Description | None = None
    kind: SegmentKind
    definition: DefinitionIn | None = None


class SegmentPatch(InModel):
    """What to change; fields left out stay. The kind stays what it is, and a list has no definition: null."""

    name: ShortText = Field(default_factory=absent)
    description: Description | None = None
    definition: DefinitionIn | None = Field(default_factory=absent)


class PreviewIn(InModel):
    """A definition to try out."""

    definition: DefinitionIn


class MembersIn(InModel):
    """People to put on a list, or to take off it: by any of their ids, also by one that nobody has been seen with yet."""

    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=MOST_IDS)]


class SegmentOut(OutModel):
    """A segment. `size` and the members are as of `refreshed_at`, null before the first time; `job_id`: a refresh at work."""

    id: UUID
    name: str
    description: str | None
    kind: SegmentKind
    definition: dict[str, Any] | None
    size: int
    refreshed_at: Timestamp | None
    error: str | None
    job_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class SegmentMadeOut(SegmentOut):
    """A segment that was made, and what its definition names that nothing is called."""

    warnings: list[WarningOut]


class RefreshOut(OutModel):
    """The job that refreshes a segment."""

    job_id: UUID


class PersonOut(OutModel):
    """Somebody in a segment."""

    person_id: UUID
    user_id: str


class MemberOut(PersonOut):
    """Somebody in a segment, and since when."""

    entered_at: Timestamp


class MembersChangedOut(OutModel):
    """How many were put on the list or taken off it, how many were so already, and how many were erased and are not taken in."""

    changed: int
    unchanged: int
    erased: int


class PreviewOut(OutModel):
    """How many people a definition has, some of them, and how long it took; `is_estimate`: a part was looked at, for 5 s."""

    size: int
    is_estimate: bool
    sample: list[PersonOut]
    as_of: Timestamp
    took_ms: int
    warnings: list[WarningOut]
