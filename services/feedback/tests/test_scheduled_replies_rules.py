"""Scheduled replies, their rules: when one is said, what may still change, what holds it; when a calendar opens."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from opsloop_common.errors import Conflict, Invalid
from opsloop_feedback.calendars import rules as calendar_rules
from opsloop_feedback.calendars.rules import ALWAYS
from opsloop_feedback.scheduled_replies import rules
from opsloop_feedback.scheduled_replies.rules import HeldBecause, ScheduledStatus
from services.feedback.tests.desks import CHINA, SHANGHAI

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize(("send_at", "at_opening"), [(None, False), (NOW, True)])
def test_there_is_one_way_of_saying_when(send_at, at_opening):
    rules.require_one_time(NOW, at_opening=False)
    rules.require_one_time(None, at_opening=True)
    with pytest.raises(Invalid):
        rules.require_one_time(send_at, at_opening=at_opening)


def test_a_time_lies_ahead_and_within_a_year():
    rules.require_ahead(NOW + timedelta(microseconds=1), NOW)
    rules.require_ahead(NOW + timedelta(days=366), NOW)
    for wrong in (NOW, NOW - timedelta(days=1), NOW + timedelta(days=366, microseconds=1)):
        with pytest.raises(Invalid):
            rules.require_ahead(wrong, NOW)


def test_only_what_was_not_sent_is_changed():
    for status in (ScheduledStatus.WAITING, ScheduledStatus.HELD):
        rules.require_unsent(status)
    with pytest.raises(Conflict):
        rules.require_unsent(ScheduledStatus.SENT)


@pytest.mark.parametrize(
    ("is_finished", "was_finished", "why"),
    [(False, False, None), (True, True, None), (False, True, None), (True, False, HeldBecause.FINISHED)],
)
def test_what_was_finished_meanwhile_holds_a_reply(is_finished, was_finished, why):
    assert rules.why_held(is_finished=is_finished, was_finished=was_finished) is why


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T08:59", "2026-11-20T09:00"),
        ("2026-11-20T09:00", "2026-11-20T13:30"),
        ("2026-11-20T12:00", "2026-11-20T13:30"),
        ("2026-11-20T13:30", "2026-11-23T09:00"),
        ("2026-11-21T10:00", "2026-11-23T09:00"),
        ("2027-09-30T17:59", "2027-10-08T09:00"),
        ("2027-10-08T18:00", "2027-10-09T09:00"),
    ],
)
def test_when_a_calendar_opens_next(now, opens):
    days = [{"works_as": None, "windows": [], "last_day": one["first_day"]} | one for one in CHINA["days"]]
    china = calendar_rules.read_calendar(CHINA["time_zone"], CHINA["week"], days)
    local = datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)

    found = calendar_rules.opens_after(china, local)

    assert found.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") == opens


def test_what_is_always_open_opens_at_no_time_and_what_is_never_open_neither():
    assert calendar_rules.opens_after(ALWAYS, NOW) is None
    assert calendar_rules.opens_after(calendar_rules.Calendar(ZoneInfo("UTC"), ((),) * 7, {}), NOW) is None
