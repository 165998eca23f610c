"""HTTP shapes of links to endpoints' pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp
from opsloop_notifications.portal.rules import LIVES, LIVES_AT_MOST

Can = Literal["view", "resend", "rotate", "pause"]


def _only_view() -> list[Can]:
    return ["view"]


class PortalLinkIn(InModel):
    """What a receiver may do besides looking, and for how long the link may be opened, at most 7 days.

    `resend`: get deliveries again; `rotate`: a new secret, which is shown to them; `pause`: have no calls for a while.
    """

    expires_in: Annotated[Duration, Field(ge=timedelta(minutes=1), le=LIVES_AT_MOST)] = LIVES
    can: Annotated[list[Can], Field(min_length=1, max_length=4)] = Field(default_factory=_only_view)


class PortalLinkOut(OutModel):
    """A link to an endpoint's page, shown this once. It opens once, for an hour."""

    url: str
    can: list[Can]
    expires_at: Timestamp
