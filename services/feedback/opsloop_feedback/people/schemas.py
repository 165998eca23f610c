"""HTTP shapes of people."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_feedback.persons.rules import Reason


class PersonOut(OutModel):
    """Somebody, known by an id or, without one, by an address; both are null once they were erased."""

    id: UUID
    user_id: str | None
    email: str | None
    name: str | None
    is_verified: bool
    merged_into_id: UUID | None
    created_at: Timestamp
    updated_at: Timestamp


class IdentityOut(OutModel):
    """A way by which somebody came in."""

    person_id: UUID
    user_id: str | None
    is_verified: bool
    source: str
    channel: str
    email: str | None
    since: Timestamp


class ChannelCount(OutModel):
    """How many posts came by a channel."""

    channel: str
    count: int


class WholePersonOut(PersonOut):
    """Somebody, the ways by which they and those whom they stand for came in, and how many posts there are of theirs."""

    members: list[PersonOut]
    identities: list[IdentityOut]
    feedback_by_channel: list[ChannelCount]
    is_exact: bool


class SuggestionOut(OutModel):
    """Two who may be one, and why."""

    id: UUID
    reason: Reason
    people: list[PersonOut]
    created_at: Timestamp


class PersonMergeIn(InModel):
    """Who is to stand for this person."""

    into: UUID
