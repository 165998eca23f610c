"""HTTP shapes of what was sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from opsloop_common.contracts.known import known_type
from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_notifications.deliveries.rules import TEST_TYPE
from opsloop_notifications.shapes import DeliveryOut


def _delivered(event_type: str) -> str:
    return event_type if event_type == TEST_TYPE else known_type(event_type)


DeliveredType = Annotated[str, StringConstraints(max_length=100), AfterValidator(_delivered)]
"""A type of event, or of the one that tries an endpoint."""


class ResendIn(InModel):
    """Nothing can be said: what is sent again is what was sent."""


class AttemptOut(OutModel):
    """One call. `failure` null means success; without a `status_code` no answer came.

    The status line decides, of bots their words too (`refused`, `too_fast`); `detail` has those, or says why no answer came, or what was
    wrong with the rest of one that counts. `payload` is what was sent where a template made it, of the newest 20 attempts;
    `template_failed`: it came to nothing that can be sent, so no call was made, and `detail` says why.
    """

    number: int
    attempted_at: Timestamp
    duration_ms: int
    status_code: int | None
    failure: str | None
    detail: str | None
    request_headers: dict[str, str]
    payload: str | None
    response_body: str | None
    next_attempt_at: Timestamp | None


class DeliveryWithAttempts(DeliveryOut):
    """A delivery with its newest 200 attempts, newest first.

    `payload` is the body of its calls to the byte, over which they are signed; where a template makes it, that of the newest; of
    bots' formats what their messages are written from. Null when the event is past its retention.
    """

    payload: str | None
    attempts: list[AttemptOut]
