"""When a failed due row is tried again, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

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


@pytest.mark.parametrize(("attempts", "longest", "seconds"), [(3, 10.0, 10), (2, 10.0, 5), (9, 10_000.0, 600)])
def test_no_pause_is_longer_than_the_longest(attempts: int, longest: float, seconds: int):
    assert pause_seconds(attempts, 0.0, longest=longest) == seconds


@pytest.mark.parametrize(
    ("attempts", "every", "pause"),
    [(9, timedelta(seconds=60), 60), (9, timedelta(days=1), 600), (2, timedelta(seconds=60), 5), (10**6, None, 600)],
)
def test_what_recurs_is_tried_again_within_its_period_and_never_given_up(
    attempts: int, every: timedelta | None, pause: int
):
    assert retry_at(NOW, attempts, None, 0.0, every=every) == NOW + timedelta(seconds=pause)


@pytest.mark.parametrize(
    ("attempts", "most", "killed"), [(8, 8, False), (9, 8, True), (12, None, False), (13, None, True), (1, 0, True)]
)
def test_workers_died_over_what_was_claimed_oftener_than_it_may_fail(attempts: int, most: int | None, killed: bool):
    assert has_killed(attempts, most) is killed


@pytest.mark.parametrize(("attempts", "most", "remembered"), [(7, None, 7), (8, None, 8), (9, None, 8), (20, 30, 20)])
def test_of_what_is_never_given_up_eight_failures_are_remembered(attempts: int, most: int | None, remembered: int):
    assert counted(attempts, most) == remembered


EVERY = timedelta(minutes=10)


def test_a_turn_comes_once_a_period_at_the_place_of_its_own():
    first = next_turn(NOW, EVERY, "acme", "sweep")

    assert first == datetime(2026, 11, 22, 8, 3, 53, 244767, tzinfo=UTC)
    assert next_turn(first, EVERY, "acme", "sweep") == first + EVERY
    assert next_turn(first - timedelta(microseconds=1), EVERY, "acme", "sweep") == first
    assert next_turn(first + 7.5 * EVERY, EVERY, "acme", "sweep") == first + 8 * EVERY


def test_workspaces_and_kinds_have_places_apart():
    turns = {next_turn(NOW, EVERY, f"w{number}", kind) for number in range(100) for kind in ("sweep", "prune")}

    assert len(turns) == 200
    assert all(NOW < turn <= NOW + EVERY for turn in turns)
    assert max(turns) - min(turns) > EVERY * 0.9
