"""When an endpoint begins to fail, when it has failed for too long, and what is told of it, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_notifications.faring import rules
from opsloop_notifications.faring.rules import Exhausted, Failures, is_told_of

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HOOK, DELIVERY, EVENT = (UUID(int=n) for n in range(1, 4))


@pytest.mark.parametrize(
    ("since", "failures", "told_at", "tells"),
    [
        (NOW, 3, None, False),
        (NOW, 4, None, True),
        (NOW - HOUR, 400, None, True),
        (NOW - HOUR, 400, NOW - HOUR, False),
        (NOW - 9 * HOUR, 400, NOW - 5 * HOUR, False),
        (NOW - HOUR / 2, 4, NOW - HOUR, True),
        (NOW - HOUR / 2, 4, NOW - HOUR * 0.9, False),
    ],
)
def test_when_an_endpoint_begins_to_fail(since, failures, told_at, tells):
    assert rules.begins_to_fail(since, failures, told_at, NOW) is tells


@pytest.mark.parametrize(
    ("since", "failures", "is_over"),
    [
        (NOW - 5 * DAY, 10, True),
        (NOW - 50 * DAY, 500, True),
        (NOW - 5 * DAY, 9, False),
        (NOW - 5 * DAY + HOUR, 500, False),
        (NOW, 10, False),
        (NOW + DAY, 10, False),
    ],
)
def test_five_days_of_failures(since, failures, is_over):
    assert rules.has_failed_too_long(since, failures, NOW) is is_over


def test_what_is_told_of_one_that_begins_to_fail():
    told = rules.told_of_failing(HOOK, "example.com", NOW - HOUR, 4, Failures(2, "http_error", 500))

    assert told.model_dump() == {
        "webhook_id": HOOK,
        "host": "example.com",
        "failing_since": NOW - HOUR,
        "failures": 4,
        "failure": "http_error",
        "status_code": 500,
    }
    assert told.subject() == f"webhook/{HOOK}"


def test_one_that_did_not_answer_has_no_status():
    assert rules.told_of_failing(HOOK, "example.com", NOW, 4, Failures(4, "timeout", None)).status_code is None


@pytest.mark.parametrize("failure", ["http_error", "blocked_target", "template_failed"])
def test_what_is_told_of_what_ended(failure):
    told = rules.told_of_exhausted(HOOK, "example.com", Exhausted(3, DELIVERY, EVENT, "kpi.breached", failure))

    assert told.model_dump() == {
        "webhook_id": HOOK,
        "host": "example.com",
        "deliveries": 3,
        "delivery_id": DELIVERY,
        "event_id": EVENT,
        "event_type": "kpi.breached",
        "failure": failure,
    }


def test_what_tells_of_endpoints_is_not_told_of():
    assert is_told_of("kpi.breached")
    assert not is_told_of("webhook.exhausted")
    assert not is_told_of("webhook.test")
