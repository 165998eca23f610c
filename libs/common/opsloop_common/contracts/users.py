"""Events of the people whom all services have to do with."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field

from opsloop_common.contracts.envelope import EventData

IDS_PER_ERASURE = 500
TRAITS = "traits"
FEEDBACK = "feedback/"
"""What `source` begins with of the word of an author's post; the source of the key that posted it follows."""
MAILBOX = "mailbox-"
_MAILBOXES = UUID("0d6a3c1e-7f52-5f0b-8a57-53f1f7c3a9be")


def mailbox_user_id(workspace: str, email: str) -> str:
    """Return what somebody is called of whom only an address is known: always the same in a workspace, whatever its case."""
    return f"{MAILBOX}{uuid5(_MAILBOXES, workspace + chr(0) + email.casefold())}"


def is_mailbox(user_id: str) -> bool:
    """Say whether a user id looks like one of `mailbox_user_id`: nobody else calls their users so."""
    return user_id.startswith(MAILBOX)


class UserErased(EventData):
    """A person was erased, and is to be erased everywhere: `user_ids` are ids that it went by, `user_id` what it was called by.

    One who went by more than 500 ids is told of in several events of one `erasure_id`.
    """

    type = "user.erased"
    aggregate = "erasure"

    erasure_id: UUID
    user_id: str
    user_ids: list[str] = Field(max_length=IDS_PER_ERASURE)


class ContactClaim(BaseModel):
    """How a person is reached as somebody says whose word is not enough: it is nothing to write to before its owner says yes.

    `by`: the person themselves, signed in; or whoever visits a page, who may name anybody.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: Literal["user", "visitor"]
    email: str
    locale: str | None = None
    full_name: str | None = None


class UserContactChanged(EventData):
    """How a person is reached became another, as the customer's own servers say; what is absent is as it was.

    `contact_id` is always the same for a user id at a service. `is_gone`: the person was erased, and nothing of it is to be kept.
    `source`: who says so, `traits` or `feedback/<source of the key>`; `said_at`: when, by the clock of what said it. What a browser
    says stands in `claim` alone, so that nobody takes it for more who does not know of claims.
    """

    type = "user.contact_changed"
    aggregate = "contact"
    is_internal = True

    contact_id: UUID
    user_id: str
    email: str | None = None
    locale: str | None = None
    full_name: str | None = None
    source: str = TRAITS
    said_at: datetime | None = None
    claim: ContactClaim | None = None
    is_gone: bool = False
