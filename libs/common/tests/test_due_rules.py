"""When a failed due row is tried again, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.due.rules import counted, has_killed, next_turn, pause_seconds, retry_at

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


@pytest.mark.parametrize(
    ("attempts", "most", "expected"),
    [(1, 1, False), (2, 1, True), (8, 8, False), (9, 8, True), (12, None, False), (13, None, True)],
)
def test_a_row_with_tries_that_nobody_ended_has_killed(attempts: int, most: int | None, expected: bool):
    assert has_killed(attempts, most) is expected


@pytest.mark.parametrize(("attempts", "most", "expected"), [(3, 8, 3), (9, 8, 9), (3, None, 3), (50, None, 8)])
def test_a_row_that_is_never_given_up_counts_no_further_than_its_pauses_grow(
    attempts: int, most: int | None, expected: int
):
    assert counted(attempts, most) == expected


@pytest.mark.parametrize(("every", "longest"), [(5, 5), (60, 60), (86_400, 600)])
def test_what_recurs_is_tried_again_after_a_period_at_most(every: int, longest: int):
    again = retry_at(NOW, 50, None, 0.0, every=timedelta(seconds=every))

    assert again == NOW + timedelta(seconds=longest)


@given(st.integers(1, 10**6), st.integers(0, 10**9), st.text(max_size=20))
def test_a_turn_comes_once_a_period_however_late_the_last_one_was(every: int, late: int, workspace: str):
    period, now = timedelta(seconds=every), NOW + timedelta(milliseconds=late)
    turn = next_turn(now, period, workspace, "kind")

    assert now < turn <= now + period
    assert next_turn(turn, period, workspace, "kind") == turn + period
    assert next_turn(turn - timedelta(microseconds=1), period, workspace, "kind") == turn
