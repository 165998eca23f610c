"""HTTP shapes of previews."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, StringConstraints, model_validator

from opsloop_common.contracts.known import known_type
from opsloop_common.http.schemas import InModel, OutModel
from opsloop_notifications.shapes import PayloadTemplate

EventType = Annotated[str, StringConstraints(max_length=100), AfterValidator(known_type)]


class PayloadPreviewIn(InModel):
    """Which event to show: one of the log, a sample of a type, or else a sample of the first type that the endpoint hears.

    `payload_template`: another than the endpoint's own, which is not saved; null shows the event as it is.
    """

    event_type: EventType | None = None
    event_id: UUID | None = None
    payload_template: PayloadTemplate | None = None

    @model_validator(mode="after")
    def _one_event(self) -> PayloadPreviewIn:
        if self.event_type is not None and self.event_id is not None:
            raise ValueError("names an event and a type of events: only one of them is shown")
        return self


class PayloadPreviewOut(OutModel):
    """What a call would be. `headers` are those that would be sent; those of the owner, and the signature, say `(secret)`.

    `is_heard`: whether the endpoint's `event_types` have this type.
    """

    event_type: str
    event_id: UUID
    is_heard: bool
    method: Literal["POST"]
    url: str
    headers: dict[str, str]
    body: str
