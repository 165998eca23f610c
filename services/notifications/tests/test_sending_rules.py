"""How many calls an endpoint gets at once, how many a second, and when it is left alone."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.sending import rules
from opsloop_notifications.sending.rules import Pulse

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def failed(times):
    pulse = Pulse()
    for _ in range(times):
        pulse.failed(NOW)
    return pulse


@pytest.mark.parametrize(("failures", "first", "retries"), [(0, 64, 16), (2, 64, 16), (3, 4, 4), (50, 4, 4)])
def test_few_at_once_while_it_does_not_take_them(failures, first, retries):
    pulse = failed(failures)

    assert (pulse.places(is_retry=False), pulse.places(is_retry=True)) == (first, retries)
    pulse.succeeded()
    assert (pulse.places(is_retry=False), pulse.places(is_retry=True)) == (64, 16)


def test_one_delivery_alone_is_never_held_back():
    assert failed(9).held_back(NOW) is None
    assert failed(10).held_back(NOW) == NOW + 5 * SECOND


def test_after_each_pause_one_call_goes_out_and_the_next_pause_is_twice_as_long():
    pulse, now, pauses = failed(10), NOW, []
    for _ in range(6):
        until = pulse.held_back(now)
        pauses.append((until - now).total_seconds())
        assert pulse.held_back(until) is None, "the one that shows how it fares"
        assert pulse.held_back(until) == until + SECOND, "the others hear soon what came of it"
        now = until + SECOND
        pulse.failed(now)

    assert pauses == [5, 10, 20, 40, 60, 60]


def test_a_success_ends_it_and_the_first_pause_is_short_again():
    pulse = failed(10)
    assert pulse.held_back(NOW + 5 * SECOND) is None
    pulse.failed(NOW + 5 * SECOND)
    assert pulse.held_back(NOW + 15 * SECOND) is None
    pulse.succeeded()

    assert pulse.held_back(NOW + 15 * SECOND) is None
    for _ in range(10):
        pulse.failed(NOW)
    assert pulse.held_back(NOW) == NOW + 5 * SECOND


def test_what_was_begun_before_the_pause_makes_it_no_longer():
    pulse = failed(64)

    assert pulse.held_back(NOW) == NOW + 5 * SECOND


def test_a_call_of_which_nothing_is_heard_keeps_the_others_for_so_long():
    pulse = failed(10)
    assert pulse.held_back(NOW + 5 * SECOND) is None

    assert pulse.held_back(NOW + 24 * SECOND) is not None
    assert pulse.held_back(NOW + 25 * SECOND) is None


@pytest.mark.parametrize(("wish", "pause"), [(0, None), (1, 5), (30, 30), (3600, 60)])
def test_it_may_ask_to_be_left_alone_for_up_to_a_minute(wish, pause):
    pulse = Pulse()
    pulse.failed(NOW, wish * SECOND)

    assert pulse.held_back(NOW) == (None if pause is None else NOW + pause * SECOND)


@pytest.mark.parametrize("rate", [1, 3, 10, 250, 1000])
@given(gaps=st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_in_no_time_it_gets_more_than_its_rate_and_a_tenth_of_a_second(rate, gaps):
    pulse, now, calls = Pulse(), NOW, []
    pulse.rate = rate
    for gap in gaps:
        now += timedelta(seconds=gap)
        while not pulse.wait(now):
            pulse.take(now)
            calls.append(now)

    # of all stretches of time: calls up to each moment, less what the rate allows by then, never rise by more than the burst
    allowed = [place - (at - NOW).total_seconds() * rate for place, at in enumerate(calls)]
    lowest = list(accumulate(allowed, min))
    assert all(now - before <= max(1, rate * 0.1) for now, before in zip(allowed, lowest, strict=True))


def test_who_waits_as_long_as_told_may_go():
    pulse = Pulse()
    pulse.rate = 4
    pulse.take(NOW)

    assert pulse.wait(NOW) == 0.25
    assert pulse.wait(NOW - SECOND) > 0, "a clock that is set back takes nothing away for good"
    assert pulse.wait(NOW + SECOND) == 0


def test_without_a_rate_nobody_waits():
    pulse = Pulse()
    for _ in range(10_000):
        pulse.take(NOW)

    assert pulse.wait(NOW) == 0


@pytest.mark.parametrize(("rate", "held"), [(None, 64), (1, 2), (10, 20), (32, 64), (1000, 64)])
def test_of_one_with_a_rate_little_is_held(rate, held):
    pulse = Pulse()
    pulse.rate = rate

    assert rules.least_of(rate) == held
    assert rules.CLAIMED_AT_FIRST + pulse.earned() == held


def test_what_may_be_held_grows_with_successes_and_ends_with_a_failure():
    pulse = Pulse()
    grown = []
    for _ in range(2_000):
        pulse.succeeded()
        grown.append(pulse.earned())
    pulse.failed(NOW)

    assert (grown[0], grown[99], grown[-1], pulse.earned()) == (1, 100, 936, 0)
