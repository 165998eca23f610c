"""HTTP shapes of contacts."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints, model_validator

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, at_field, said
from opsloop_notifications.ways.rules import HANDLE, PHONE, is_subscription

Key = Annotated[str, StringConstraints(min_length=16, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]
Where = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]


class KeysIn(InModel):
    """The keys of a browser, as its subscription shows them."""

    p256dh: Key
    auth: Key

    @model_validator(mode="after")
    def _is_of_a_browser(self) -> KeysIn:
        if not is_subscription(self.p256dh, self.auth):
            raise ValueError("must be the keys of a push subscription: a point of P-256 and 16 bytes")
        return self


class ContactIn(InModel):
    """Where a person is reached.

    `phone`: `address` is a number such as +8613800138000 (E.164); one a person. `chat`: `channel_id` names the chat, `address` is how it
    calls them (Slack's member id, Teams' user principal name, Feishu's open id, DingTalk's user id or mobile, WeCom's user id), so that
    they are mentioned; one a person. `push`: `channel_id`, and `address` and `keys` are the endpoint and keys of a browser's subscription.
    """

    kind: Literal["phone", "chat", "push"]
    channel_id: UUID | None = None
    address: Where | None = None
    keys: KeysIn | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> ContactIn:
        if (self.kind == "push") != (self.keys is not None):
            raise at_field("keys", "must be there for a browser, and only then")
        if (self.kind == "phone") == (self.channel_id is not None):
            raise at_field("channel_id", "must be there unless it is a phone, and not then")
        if self.address is None and self.kind != "chat":
            raise at_field("address", "This field is required")
        if self.kind == "phone" and not re.fullmatch(PHONE, self.address or ""):
            raise at_field("address", "must be a number such as +8613800138000, with the code of its country")
        if self.kind == "chat" and self.address is not None and not re.fullmatch(HANDLE, self.address):
            raise at_field("address", "must be letters, digits and _ . @ + -")
        return self


class ContactOut(OutModel):
    """Where a person is reached; of a browser the host of its push service is shown."""

    id: UUID
    user_id: str
    kind: Literal["phone", "chat", "push"]
    channel_id: UUID | None
    address: str | None
    created_at: Timestamp
    updated_at: Timestamp
