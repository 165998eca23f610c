"""Who gets a post: the first rule that fits, and how of a team one is chosen."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_common.filters import read_filter
from opsloop_feedback.calendars.rules import ALWAYS, read_calendar
from opsloop_feedback.routing_rules import rules
from opsloop_feedback.routing_rules.rules import Crew, Pick, Rule

DAY, NIGHT = UUID(int=1), UUID(int=2)
ALL = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
CALENDARS = {
    DAY: read_calendar("UTC", [{"days": ALL, "start": "08:00", "end": "20:00"}], []),
    NIGHT: read_calendar(
        "UTC", [{"days": ALL, "start": "20:00", "end": "24:00"}, {"days": ALL, "start": "00:00", "end": "08:00"}], []
    ),
}
NOON, MIDNIGHT = datetime(2026, 11, 25, 12, tzinfo=UTC), datetime(2026, 11, 25, 0, tzinfo=UTC)


def member(user_id, calendar_id=None, is_away=False):
    return {"user_id": user_id, "calendar_id": calendar_id and str(calendar_id), "is_away": is_away}


def crew(*members, calendar_id=None, **fields):
    return Crew("payments", [member(one) if isinstance(one, str) else one for one in members], calendar_id, **fields)


def chosen(team, pick, count, now=NOON, within_hours=True):
    return [team.choose(pick, within_hours=within_hours, calendars=CALENDARS, now=now) for _ in range(count)]


def rule(number, when=()):
    return Rule(UUID(int=number), str(number), read_filter(when), None, "ann", Pick.NOBODY, True, None)


def test_turns_go_round():
    assert chosen(crew("ann", "ben", "cem"), Pick.ROUND_ROBIN, 5) == ["ann", "ben", "cem", "ann", "ben"]


def test_turns_go_on_where_they_were():
    team = crew("ann", "ben", "cem", turns={"ann": 8, "ben": 6, "gone": 9})

    assert chosen(team, Pick.ROUND_ROBIN, 4) == ["cem", "ben", "ann", "cem"]
    assert team.turns["cem"] > team.turns["ann"] > team.turns["gone"]


def test_who_has_least_gets_the_next():
    team = crew("ann", "ben", "cem", loads={"ann": 2, "ben": 0, "cem": 1})

    assert chosen(team, Pick.LEAST_LOADED, 5) == ["ben", "cem", "ben", "ann", "cem"]


def test_nobody_is_chosen_where_nobody_is_to_be():
    assert chosen(crew("ann"), Pick.NOBODY, 2) == [None, None]
    assert chosen(crew(), Pick.ROUND_ROBIN, 1) == [None]
    assert chosen(crew(member("ann", is_away=True)), Pick.LEAST_LOADED, 1) == [None]


def test_who_is_away_is_passed_over():
    team = crew("ann", member("ben", is_away=True), "cem")

    assert chosen(team, Pick.ROUND_ROBIN, 3) == ["ann", "cem", "ann"]


@pytest.mark.parametrize(("now", "found"), [(NOON, "ann"), (MIDNIGHT, "ben")])
def test_only_who_works_now_is_chosen(now, found):
    team = crew(member("ann"), member("ben", NIGHT), calendar_id=DAY)

    assert chosen(team, Pick.ROUND_ROBIN, 2, now) == [found, found]


def test_hours_do_not_count_where_they_are_not_to():
    team = crew("ann", "ben", calendar_id=DAY)

    assert chosen(team, Pick.ROUND_ROBIN, 2, MIDNIGHT) == [None, None]
    assert chosen(team, Pick.ROUND_ROBIN, 2, MIDNIGHT, within_hours=False) == ["ann", "ben"]


def test_a_calendar_that_is_gone_is_the_teams():
    team = crew(member("ann", UUID(int=9)), calendar_id=NIGHT)

    assert chosen(team, Pick.ROUND_ROBIN, 1, NOON) == [None]
    assert chosen(team, Pick.ROUND_ROBIN, 1, MIDNIGHT) == ["ann"]
    assert crew("ann").calendar(CALENDARS) is ALWAYS
    assert crew("ann", calendar_id=UUID(int=9)).calendar(CALENDARS) is ALWAYS


def test_calendars_of_a_crew():
    assert crew(member("ann", NIGHT), "ben", calendar_id=DAY).calendar_ids() == {DAY, NIGHT}
    assert crew("ben").calendar_ids() == set()


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(0, 60))
def test_turns_are_fair(away, count):
    team = crew(*(member(f"u{number}", is_away=is_away) for number, is_away in enumerate(away)))
    there = away.count(False)

    got = chosen(team, Pick.ROUND_ROBIN, count)

    shares = [got.count(f"u{number}") for number, is_away in enumerate(away) if not is_away]
    assert sum(shares) == (count if there else 0)
    assert not shares or max(shares) - min(shares) <= 1


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 60))
def test_loads_come_as_near_to_each_other_as_they_can(loads, count):
    team = crew(*(f"u{number}" for number in range(len(loads))), loads={f"u{n}": load for n, load in enumerate(loads)})

    got = chosen(team, Pick.LEAST_LOADED, count)

    after = [load + got.count(f"u{number}") for number, load in enumerate(loads)]
    given_to = [after[number] for number in range(len(loads)) if f"u{number}" in got]
    assert not given_to or max(given_to) <= min(after) + 1


def test_the_first_rule_whose_conditions_hold_counts():
    severe = [{"field": "data.severity", "op": "eq", "value": "s1"}]
    both = [rule(1, severe), rule(2)]

    assert [rules.rule_of(both, {"data": {"severity": one}}).name for one in ("s1", "s2")] == ["1", "2"]
    assert rules.rule_of(both[:1], {"data": {"severity": "s2"}}) is None


@pytest.mark.parametrize(
    ("team_id", "assignee", "pick", "pointer"),
    [
        (None, None, Pick.NOBODY, "/team_id"),
        (None, "ann", Pick.ROUND_ROBIN, "/pick"),
        (DAY, "ann", Pick.LEAST_LOADED, "/pick"),
        (DAY, None, Pick.LEAST_LOADED, None),
        (DAY, "ann", Pick.NOBODY, None),
        (None, "ann", Pick.NOBODY, None),
    ],
)
def test_a_rule_gives_posts_to_somebody(team_id, assignee, pick, pointer):
    if pointer is None:
        rules.require_somebody(team_id, assignee, pick)
        return
    with pytest.raises(Invalid) as refused:
        rules.require_somebody(team_id, assignee, pick)
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    ("after", "team_id", "assignee", "is_whole"),
    [
        (None, None, None, True),
        (timedelta(hours=1), DAY, None, True),
        (timedelta(hours=1), None, "ann", True),
        (timedelta(hours=1), None, None, False),
        (None, DAY, None, False),
        (None, None, "ann", False),
    ],
)
def test_an_escalation_says_when_and_to_whom(after, team_id, assignee, is_whole):
    if is_whole:
        rules.require_onward(after, team_id, assignee)
        return
    with pytest.raises(Invalid):
        rules.require_onward(after, team_id, assignee)
