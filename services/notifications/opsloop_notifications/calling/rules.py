"""What is said by calls, and what came of all calls of one notification. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opsloop_common.contracts.notifications import FailureReason
from opsloop_notifications.formats.rules import Button, language_for
from opsloop_notifications.posting.rules import next_attempt_at
from opsloop_notifications.ways.rules import Outcome, Told

KIND = "calls"
TEST_JOB = "notifications.test_channel"
TESTS = {
    "en": ("Test", "OpsLoop reaches you through this channel."),
    "zh": ("测试", "OpsLoop 可以通过此渠道联系您。"),
}


def told_from(id: UUID, content: Mapping[str, Any]) -> Told:
    """Return what a message says in one language."""
    buttons = tuple(Button(each["words"], each["url"]) for each in content.get("buttons") or ())
    language = language_for(content["locale"])
    return Told(id, content["subject"] or None, content["body"], content.get("url"), language, buttons)


def trial_of(id: UUID, language: str) -> Told:
    """Return what a test of a channel says."""
    title, body = TESTS[language]
    return Told(id, title, body, None, language_for(language))


def reason_for(outcomes: Collection[str]) -> FailureReason | None:
    """Return why nobody got it, None when somebody did: one browser of several is enough."""
    if Outcome.SENT in outcomes:
        return None
    return "rejected" if Outcome.FAILED in outcomes else "no_address"


def failure_of(outcome: Outcome, status: int | None) -> str | None:
    """Return what a call that was not taken failed by, when no failure of the way there names it; None when it was taken."""
    if outcome is Outcome.FAILED:
        return "unsendable" if status is None else "refused"
    return {Outcome.SENT: None, Outcome.LATER: "unavailable", Outcome.GONE: "gone"}[outcome]


def again_at(tries: int, now: datetime, *, jitter: float, wait: timedelta | None) -> datetime | None:
    """Return when to call again after `tries` failed tries, not before a provider's wish; None when they are used up."""
    at = next_attempt_at(tries, now, jitter=jitter)
    return at if at is None or wait is None else max(at, now + wait)
