"""HTTP shapes of persons."""

from __future__ import annotations

from uuid import UUID

from pydantic import JsonValue

from opsloop_common.http.schemas import OutModel, Timestamp


class UserOut(OutModel):
    """A person: `user_id` is what it is called by, `traits` what was said of it last."""

    id: UUID
    user_id: str
    is_identified: bool
    first_seen_at: Timestamp
    traits: dict[str, JsonValue]
    created_at: Timestamp
    updated_at: Timestamp


class UserGroupOut(OutModel):
    """A group that a person is in, and what is known of the group."""

    type: str
    key: str
    since: Timestamp
    traits: dict[str, JsonValue]


class ProfileOut(UserOut):
    """A person with the first 100 of its ids (all: `…/ids`), and the 20 groups that it came to last."""

    distinct_ids: list[str]
    groups: list[UserGroupOut]


class UserIdOut(OutModel):
    """An id that a person goes by; `is_identified`: the customer gave it, and no client made it up."""

    distinct_id: str
    is_identified: bool
    met_at: Timestamp


class UserMergeOut(OutModel):
    """Another person was found to be this one, at the time of the message that said so."""

    from_id: UUID
    into_id: UUID
    at: Timestamp
    actor: str
