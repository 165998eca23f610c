"""HTTP shapes of tests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from opsloop_common.contracts.known import known_type
from opsloop_common.http.schemas import InModel

EventType = Annotated[str, StringConstraints(max_length=100), AfterValidator(known_type)]


class WebhookTestIn(InModel):
    """What to try an endpoint with: a sample of a type that it hears, as `preview` shows it; unless it is said a `webhook.test`.

    Its `filter` is not asked. The delivery is a `webhook.test` in either case.
    """

    event_type: EventType | None = None
