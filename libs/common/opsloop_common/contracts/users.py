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


class UserContactChanged(EventData):
    """How a person is reached became another, as the customer's own servers say; what is absent is as it was.

    `contact_id` is always the same for a user id. `is_gone`: the person was erased, and nothing of it is to be kept.
    """

    type = "user.contact_changed"
    aggregate = "contact"
    is_internal = True

    contact_id: UUID
    user_id: str
    email: str | None = None
    locale: str | None = None
    is_gone: bool = False
