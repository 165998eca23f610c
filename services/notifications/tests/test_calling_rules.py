"""What is said by calls, and what came of all calls of one notification."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_notifications.calling.rules import again_at, failure_of, reason_for, told_from, trial_of
from opsloop_notifications.ways.rules import Outcome

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ID = UUID("0198c0de-0000-7000-8000-000000000001")


@pytest.mark.parametrize(
    ("outcome", "status", "failure"),
    [
        (Outcome.SENT, 200, None),
        (Outcome.FAILED, None, "unsendable"),
        (Outcome.FAILED, 200, "refused"),
        (Outcome.LATER, 503, "unavailable"),
        (Outcome.GONE, 410, "gone"),
    ],
)
def test_what_is_not_taken_is_named(outcome, status, failure):
    assert failure_of(outcome, status) == failure


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ({"sent"}, None),
        ({"sent", "failed", "gone"}, None),
        ({"failed", "gone"}, "rejected"),
        ({"gone"}, "no_address"),
        (set(), "no_address"),
    ],
)
def test_one_browser_of_several_is_enough(outcomes, reason):
    assert reason_for(outcomes) == reason


@pytest.mark.parametrize(
    ("tries", "wait", "after"),
    [
        (1, None, timedelta(seconds=30)),
        (1, timedelta(minutes=10), timedelta(minutes=10)),
        (2, timedelta(seconds=5), timedelta(minutes=2)),
        (6, None, timedelta(hours=6)),
        (7, None, None),
        (7, timedelta(hours=1), None),
    ],
)
def test_it_is_tried_again_by_the_schedule_and_not_before_the_providers_wish(tries, wait, after):
    at = again_at(tries, NOW, jitter=0.0, wait=wait)
    assert at == (None if after is None else NOW + after)


def test_what_a_message_says():
    content = {"locale": "zh-CN", "subject": "您好", "body": "好了", "url": "https://a.test/"}
    told = told_from(ID, content | {"buttons": [{"words": "认领", "url": "https://b.test/"}]})
    assert (told.id, told.title, told.body, told.url, told.language) == (ID, "您好", "好了", "https://a.test/", "zh")
    assert [tuple(button) for button in told.buttons] == [("认领", "https://b.test/")]


def test_what_has_no_title_has_none():
    told = told_from(ID, {"locale": "en", "subject": None, "body": "b"})
    assert (told.title, told.url, told.language, told.buttons) == (None, None, "en", ())


@pytest.mark.parametrize(("language", "title"), [("en", "Test"), ("zh", "测试")])
def test_what_a_test_says(language, title):
    told = trial_of(ID, language)
    assert (told.id, told.title, told.language) == (ID, title, language)
    assert "OpsLoop" in told.body
