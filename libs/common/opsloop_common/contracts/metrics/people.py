"""What becomes of persons."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.users import UserContactChanged, UserErased


class UserIdentified(EventData):
    """A person got its first id that the customer gave. `traits` are single values among those known, none that holds an address."""

    type = "user.identified"
    aggregate = "person"
    route = "/v1/users/{user_id}"

    person_id: UUID
    user_id: str
    traits: dict[str, str | int | float | bool] = Field(default_factory=dict)


EVENTS: tuple[type[EventData], ...] = (UserIdentified, UserErased, UserContactChanged)
