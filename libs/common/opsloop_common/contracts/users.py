"""Events of the people whom all services have to do with."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData

IDS_PER_ERASURE = 500


class UserErased(EventData):
    """A person was erased, and is to be erased everywhere: `user_ids` are ids that it went by, `user_id` what it was called by.

    One who went by more than 500 ids is told of in several events of one `erasure_id`.
    """

    type = "user.erased"
    aggregate = "erasure"

    erasure_id: UUID
    user_id: str
    user_ids: list[str] = Field(max_length=IDS_PER_ERASURE)
