"""HTTP shapes of reports about mails."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from opsloop_common.http.schemas import EmailAddress, InModel, OutModel, ShortText, Timestamp

ReportType = Literal["hard", "soft", "complaint"]
Outcome = Literal["recorded", "repeated", "unknown", "no_report"]


class MailBounceIn(InModel):
    """What a provider says of one mail: `recipient`, or the `message_id` of a mail of ours, or both."""

    type: ReportType
    at: Timestamp
    recipient: EmailAddress | None = None
    message_id: ShortText | None = None
    detail: ShortText | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> MailBounceIn:
        if self.recipient is None and self.message_id is None:
            raise ValueError("must have recipient or message_id")
        return self


class MailBouncesIn(InModel):
    """Several at once, in any order."""

    items: Annotated[list[MailBounceIn], Field(min_length=1, max_length=200)]


class MailTakenOut(OutModel):
    """What came of one report.

    `repeated`: it was known. `unknown`: it is about no mail of the workspace. `no_report`: the mail reports no failure.
    `is_suppressed`: because of it the address gets nothing more from now on.
    """

    outcome: Outcome
    type: ReportType | None
    notification_id: UUID | None
    is_suppressed: bool


class MailsTakenOut(OutModel):
    """What came of each, in the order of the request."""

    items: list[MailTakenOut]


class MailReportOut(OutModel):
    """A mail that came back (`hard`: there is no such mailbox; `soft`: another mail may arrive), or that somebody called spam."""

    id: UUID
    type: ReportType
    source: Literal["dsn", "arf", "provider"]
    notification_id: UUID | None
    user_id: str | None
    status: str | None
    detail: str | None
    reported_at: Timestamp
    created_at: Timestamp
