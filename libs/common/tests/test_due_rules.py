"""When a failed due row is tried again, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.due.rules import pause_seconds, retry_at

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 1), (1, 1), (2, 5), (3, 25), (4, 125), (5, 600), (6, 600), (10**6, 600)]
)
def test_pauses_grow_to_ten_minutes(attempts: int, seconds: int):
    assert pause_seconds(attempts, 0.0) == seconds


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 5.0), (0.5, 5.5), (0.999999, 6.0)])
def test_what_failed_together_does_not_come_back_together(chance: float, seconds: float):
    assert pause_seconds(2, chance) == pytest.approx(seconds, abs=1e-5)


@pytest.mark.parametrize(
    ("attempts", "most", "chance", "pause"),
    [(1, 8, 0.0, 1), (2, 8, 0.5, 5.5), (7, 8, 0.0, 600), (8, 8, 0.0, None), (9, 8, 0.0, None)],
)
def test_it_is_tried_until_the_last_time(attempts: int, most: int, chance: float, pause: float | None):
    assert retry_at(NOW, attempts, most, chance) == (None if pause is None else NOW + timedelta(seconds=pause))
