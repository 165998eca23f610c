"""What an endpoint's answer means, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_notifications.deliveries import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "success", "failure"),
    [
        (199, False, "http_error"),
        (200, True, None),
        (299, True, None),
        (300, False, "redirect"),
        (399, False, "redirect"),
        (400, False, "http_error"),
        (410, False, "gone"),
        (500, False, "http_error"),
    ],
)
def test_what_a_status_means(status: int, success: bool, failure: str | None):
    assert rules.is_success(status) is success
    if failure is not None:
        assert rules.failure_of(status) == failure


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 22 Nov 2026 08:02:00 -0000", 120),  # a date without a zone is one of UTC
        ("Sun, 22 Nov 2026 09:02:00 +0100", 120),
        ("123456789", 10**8),
        ("99999999", 99_999_999),
        ("1234567890", 10**8),
        ("٣", None),
        ("", None),
        ("0000000120", 120),  # more zeros than digits are read
        ("000000000000300", 300),
        ("0" * 5_000 + "7", 7),
        ("0" * 5_000, 0),
        ("00099999999999", 10**8),
        ("120, 5", 120),
        ("5,120", 120),
        (" 5 ,, 0007, ", 7),
        ("soon, 5", 5),
        ("5, later", 5),
        ("later, soon", None),
        ("-120, 5", 5),
        ("Sun, 22 Nov 2026 08:02:00 GMT, 5", 120),
        ("300, Sun, 22 Nov 2026 08:02:00 GMT", 300),
        ("Sunday, 22-Nov-26 08:02:00 GMT, Sun, 22 Nov 2026 08:04:00 GMT", 240),
        ("Sun Nov 22 08:02:00 2026, 5", 120),
        ("Sun, 22 Nov 2026 07:00:00 GMT, Sun, 22 Nov 2026 07:30:00 GMT", 0),  # both have passed
        ("5, " * 5_000 + "120", 5),  # nobody means so many
    ],
)
def test_a_wish_for_later_is_read_or_left(value: str, seconds: int | None):
    assert rules.retry_after(429, value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("tries", "jitter", "seconds"), [(1, 0.0, 5), (1, 0.5, 5.5), (2, 0.0, 30), (7, 0.5, 39_600)])
def test_the_schedule_spreads_by_a_fifth(tries: int, jitter: float, seconds: float):
    assert rules.next_attempt_at(tries, NOW, jitter=jitter) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("wait", "seconds"), [(timedelta(hours=24), 86_400), (timedelta(hours=25), 86_400), (timedelta(), 5)]
)
def test_a_wish_counts_to_a_day(wait: timedelta, seconds: int):
    assert rules.next_attempt_at(1, NOW, jitter=0, wait=wait) == NOW + timedelta(seconds=seconds)
