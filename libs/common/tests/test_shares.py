"""Who may take a place: the heavy never hold the last ones, the light find one at once, and what was held is forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.shares import MEMORY_SECONDS, Places, Usage


class Time:
    """A clock that is told what time it is."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


def test_an_average_is_of_what_was_held_and_fades_afterwards(time):
    usage = Usage(time)
    usage.enter("acme")
    usage.enter("acme")

    assert usage.lately("acme") == 0
    time.now = MEMORY_SECONDS
    assert usage.lately("acme") == pytest.approx(2)
    time.now = 100 * MEMORY_SECONDS
    assert usage.lately("acme") == pytest.approx(2)
    usage.leave("acme")
    usage.leave("acme")
    time.now += MEMORY_SECONDS
    assert usage.lately("acme") == pytest.approx(2 * 0.368, abs=0.01)


def test_who_is_new_is_judged_by_its_own_time(time):
    usage = Usage(time)
    time.now = 100.0
    usage.enter("slow")
    usage.enter("quick")
    time.now += 0.02
    usage.leave("quick")
    assert usage.lately("quick") < 0.03
    time.now += 3.98
    usage.leave("slow")

    assert usage.lately("slow") == pytest.approx(1)
    time.now += 9
    assert usage.lately("slow") == pytest.approx(4 / 13, abs=0.05)


def test_who_held_nothing_for_long_is_forgotten(time):
    usage = Usage(time)
    for key in range(1_000):
        usage.enter(key)
        usage.leave(key)
    time.now = 20 * MEMORY_SECONDS
    usage.enter("acme")
    usage.leave("acme")

    assert len(usage) <= 1


def test_a_burst_of_one_leaves_the_last_place_alone(time):
    places = Places(4, clock=time)
    for _ in range(3):
        assert places.has_room("greedy")
        places.enter("greedy")

    assert not places.has_room("greedy")
    assert places.has_room("healthy")


def test_ten_that_take_turns_never_hold_the_last_place_together(time):
    places = Places(5, kept=1, clock=time)
    greedy, running = [f"greedy-{n}" for n in range(10)], []
    for second in range(600):
        time.now = float(second)
        for name, until in [each for each in running if each[1] <= second]:
            places.leave(name)
            running.remove((name, until))
        while places.has_room(name := min(greedy, key=places.burden)):
            places.enter(name)
            running.append((name, second + 4))
        if second >= 12:
            assert len(running) == 4
            assert places.has_room("healthy")
            assert not places.has_room("greedy-0")


def test_one_that_asks_five_times_a_second_for_a_moment_stays_light(time):
    places = Places(4, clock=time)
    for _ in range(3):
        places.enter("greedy")
    for _ in range(500):
        assert places.has_room("healthy")
        places.enter("healthy")
        time.now += 0.02
        places.leave("healthy")
        time.now += 0.18


def test_a_heavy_kind_leaves_a_place_to_its_light_workspaces_and_one_to_other_kinds(time):
    places = Places(5, keys=2, clock=time)
    while places.has_room("slow", "greedy"):
        places.enter("slow", "greedy")
    time.now = 100
    assert places.taken == 3
    assert places.has_room("slow", "healthy")
    places.enter("slow", "healthy")

    assert not places.has_room("slow", "another")
    assert places.has_room("timer", "greedy-too")


def test_who_waits_longest_for_its_share_comes_first(time):
    places = Places(2, clock=time)
    places.enter("greedy")
    time.now = 5
    places.leave("greedy")

    assert min("greedy", "healthy", key=places.burden) == "healthy"


def test_ten_that_come_together_and_hang_leave_some_of_what_is_kept(time):
    places = Places(512, kept=128, clock=time)
    for turn in range(64 * 100):
        name = f"greedy-{turn % 10}"
        if places.has_room(name):
            places.enter(name)

    assert places.taken < 512 - 128 / 2
    assert places.has_room("healthy")


def test_who_gives_places_back_soon_may_take_the_last_one_however_often_it_comes(time):
    places = Places(3, clock=time)
    for _ in range(60):
        places.enter("quick")
        time.now += 0.15
        places.leave("quick")
        time.now += 0.05
    places.enter("slow")
    places.enter("slow")
    time.now += 3

    assert places._usages[0].lately("quick") > 0.5
    assert not places.has_room("slow")
    assert places.has_room("quick")
    assert places.heavy() == ["slow"]


def test_on_a_busy_machine_quick_is_what_is_quick_beside_the_others(time):
    places = Places(6, kept=2, clock=time)
    for _ in range(10):
        for name, seconds in (("slow", 8), ("quick", 0.9)):
            places.enter(name)
            time.now += seconds
            places.leave(name)
    for _ in range(4):
        places.enter("slow")

    assert not places.has_room("slow")
    assert places.has_room("quick")


def test_many_short_turns_burden_others_less_than_few_long_ones(time):
    usage = Usage(time)
    for _ in range(20):
        usage.enter("quick")
        time.now += 0.1
        usage.leave("quick")
    usage.enter("slow")
    time.now += 1
    usage.leave("slow")

    assert usage.lately("quick") > usage.lately("slow") / 2
    assert usage.burden("quick") < usage.burden("slow") / 2
    assert usage.burden("new") == 0


def test_many_are_taken_at_once_by_a_light_one_up_to_its_bound_and_by_a_heavy_one_up_to_what_is_kept(time):
    places = Places(100, kept=20, clock=time)
    assert (places.room("greedy"), places.room("healthy")) == (80, 80)
    for _ in range(80):
        places.enter("greedy")

    assert places.room("greedy") == 0
    assert places.room("healthy") == 5


def test_a_heavy_one_needs_a_place_too():
    with pytest.raises(ValueError, match="heavy"):
        Places(2, kept=1, keys=2)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5)), max_size=60))
def test_places_are_never_more_than_there_are_and_all_come_back(turns):
    time = Time()
    places, inside = Places(3, clock=time), []
    for key, pause in turns:
        time.now += pause
        if places.has_room(key):
            places.enter(key)
            inside.append(key)
        elif inside:
            places.leave(inside.pop(0))
        assert 0 <= places.taken == len(inside) <= 3
    for key in inside:
        places.leave(key)
    assert places.taken == 0
