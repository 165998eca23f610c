"""When a mail is tried again, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_notifications.posting import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("tries", "jitter", "seconds"),
    [(1, 0.0, 30), (1, 0.5, 33), (2, 0.0, 120), (6, 0.0, 21_600), (6, 0.5, 23_760), (7, 0.0, None)],
)
def test_a_mail_is_tried_seven_times(tries: int, jitter: float, seconds: int | None):
    expected = None if seconds is None else NOW + timedelta(seconds=seconds)

    assert rules.next_attempt_at(tries, NOW, jitter=jitter) == expected
