"""HTTP shapes of CSAT."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from opsloop_common.contracts.feedback import Channel, Severity
from opsloop_common.http.schemas import Duration, InModel, OutModel, Timestamp, absent
from opsloop_feedback.csat.rules import LONGEST_DELAY, LONGEST_QUIET

By = Literal["team", "assignee", "channel", "severity", "week"]


def _within_a_month(value: timedelta) -> timedelta:
    if not timedelta() <= value <= LONGEST_DELAY:
        raise ValueError(f"must be 0 to {LONGEST_DELAY.days} days")
    return value


def _within_a_year(value: timedelta) -> timedelta:
    if not timedelta() <= value <= LONGEST_QUIET:
        raise ValueError(f"must be 0 to {LONGEST_QUIET.days} days")
    return value


class CsatSettingsPatch(InModel):
    """What to change; fields left out stay."""

    enabled: bool = Field(
        default_factory=absent, description="Whether authors are asked after their posts were resolved."
    )
    delay: Annotated[Duration, AfterValidator(_within_a_month)] = Field(
        default_factory=absent, description="So long after it was resolved: an hour, unless said."
    )
    quiet: Annotated[Duration, AfterValidator(_within_a_year)] = Field(
        default_factory=absent, description="So long who was asked is left alone: 30 days, unless said."
    )


class CsatSettingsOut(OutModel):
    """Whether and when a workspace asks authors how satisfied they are. Version 0: nothing was said yet, and nobody is asked."""

    enabled: bool
    delay: Duration
    quiet: Duration
    version: int
    updated_at: Timestamp


class CsatResponseOut(OutModel):
    """What the author of a post thinks of how it was resolved. Who worked on it is as it was when they were asked."""

    id: UUID
    feedback_id: UUID
    resolved_at: Timestamp
    score: int
    comment: str | None
    source: str
    channel: Channel
    severity: Severity
    assignee: str | None
    team: str | None
    asked_at: Timestamp | None = Field(description="Null where they answered on the status page, unasked.")
    answered_at: Timestamp
    changed_at: Timestamp


class AnswersOut(OutModel):
    """What was answered: how many, the mean, the share of 4 and 5 with the limits between which the true one lies (95 %, Wilson)."""

    n: int
    score: float | None
    share: float | None
    share_low: float | None
    share_high: float | None
    asked: int = Field(description="Questions that went out in the period.")
    response_rate: float | None = Field(description="The share of these that were answered, whenever that was.")


class CsatGroupOut(AnswersOut):
    """The same of one group. `group` null: posts without a team or an assignee; a week is named by its first day."""

    group: str | None


class CsatReportOut(OutModel):
    """What was answered in a period."""

    since: Timestamp = Field(alias="from")
    until: Timestamp = Field(alias="to")
    by: By
    rows: list[CsatGroupOut]
    total: AnswersOut
