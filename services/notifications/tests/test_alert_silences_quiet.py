"""Who is quiet and for how long: silences by the second, inhibitions, both together, and against a second writing of the rules."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_notifications.alert_silences import service as silences
from opsloop_notifications.alert_silences.rules import Quiet, SilenceState, held, state_of
from opsloop_notifications.labels.rules import Matcher, MatchOp
from services.notifications.tests.watching import Watch, lasting, later, named, over

ZERO = datetime(2026, 11, 22, tzinfo=UTC)


def silences_of(labels, silences):
    """Return the ids of the silences that hold for an alert."""
    return [silence.id for silence in silences if held(silence, {"a": labels})]


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


def is_(name, value, op="="):
    return {"name": name, "op": op, "value": value}


async def silence(watch, *matchers, starts=None, ends=3600):
    begins = {} if starts is None else {"starts_at": later(watch, seconds=starts)}
    return await watch.call(
        "POST", "/v1/silences", 201, matchers=list(matchers), ends_at=later(watch, seconds=ends), comment="c", **begins
    )


# Looks are at 30, 330, 630 …; a silence from `starts` to `ends`, its end no part of it. What the receiver gets, and when.
SPANS = [
    ("before the first look only", 0, 30, [(30, ["+a"])]),  # at 30 it is over
    ("over the first look", 0, 31, [(330, ["+a"])]),
    ("over two looks", 0, 331, [(630, ["+a"])]),
    ("between looks", 31, 329, [(30, ["+a"])]),
    ("over a look when all is said", 300, 400, [(30, ["+a"])]),
    ("begins at the look itself", 30, 100, [(330, ["+a"])]),
    ("begins a second after it", 31, 100, [(30, ["+a"])]),
]


@pytest.mark.parametrize(("starts", "ends", "expected"), [one[1:] for one in SPANS], ids=[one[0] for one in SPANS])
async def test_when_a_silence_counts(watch, starts, ends, expected):
    await silence(watch, is_("alertname", "a"), starts=starts, ends=ends)
    await watch.post(lasting(watch, "a"))
    found, second = [], 0
    for step in (30, 300, 300, 300):
        await watch.pass_by(step)
        second += step
        found += [(second, names) for _, names in (await watch.said())[len(found) :]]

    assert found == expected


async def test_what_ends_while_it_is_silent_is_never_told_to_have_fired(watch):
    await silence(watch, is_("alertname", "a"))
    await watch.post(lasting(watch, "a"), lasting(watch, "b"))
    await watch.pass_by(30)
    await watch.post(over(watch, "a"))
    await watch.pass_by(4_200, step=300)

    assert [names for _, names in await watch.said()] == [["+b"]]


async def test_an_end_under_a_silence_is_told_when_it_is_over_and_the_next_firing_too(watch):
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(30)
    await silence(watch, is_("alertname", "a"), ends=1_800)
    await watch.post(over(watch, "a"))
    await watch.pass_by(1_500, step=300)
    assert [names for _, names in await watch.said()] == [["+a"]]
    await watch.pass_by(900, step=300)
    assert [names for _, names in await watch.said()] == [["+a"], ["-a"]]
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(300, step=30)

    assert [names for _, names in await watch.said()] == [["+a"], ["-a"], ["+a"]]
    await watch.post(over(watch, "a"))
    await watch.pass_by(600, step=300)
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM alert_group")) == 0


async def test_what_ends_and_fires_again_under_a_silence_goes_on_for_whom_it_was_told(watch):
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(30)
    await silence(watch, is_("alertname", "a"), ends=1_800)
    await watch.post(over(watch, "a"))
    await watch.pass_by(600, step=300)
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(1_800, step=300)
    assert [names for _, names in await watch.said()] == [["+a"]]
    await watch.post(over(watch, "a"))
    await watch.pass_by(600, step=300)

    assert [names for _, names in await watch.said()] == [["+a"], ["-a"]]


async def test_silenced_alerts_fire_and_end_as_ever(watch):
    await silence(watch, is_("alertname", "a"))
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(30)
    [alert] = await watch.listed(status="firing")
    await watch.call("POST", f"/v1/alerts/{alert['id']}/acknowledge", note="seen")
    await watch.post(over(watch, "a"))

    kinds = [entry["kind"] for entry in (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]]
    assert kinds == ["resolved", "acknowledged", "fired"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"matchers": [is_("area", "search")]}, [["+a"]]),
        ({"matchers": [is_("area", "search|pay.*", "=~")]}, []),
        ({"matchers": [is_("area", "pay", "=~")]}, [["+a"]]),  # anchored
        ({"matchers": [is_("area", "payments"), is_("severity", "critical", "!=")]}, []),
        ({"matchers": [is_("area", "payments"), is_("severity", "", "!=")]}, [["+a"]]),  # it has none
        ({"starts_at": 400}, [["+a"]]),
        ({"ends_at": 20}, [["+a"]]),
    ],
)
async def test_a_silence_that_is_changed_counts_as_it_is_now(watch, change, expected):
    made = await silence(watch, is_("area", "payments"))
    await watch.post(lasting(watch, "a", area="payments"))
    asked = {name: later(watch, seconds=value) if name.endswith("_at") else value for name, value in change.items()}
    await watch.call("PATCH", f"/v1/silences/{made['id']}", **asked)
    await watch.pass_by(30)

    assert [names for _, names in await watch.said()] == expected


WORSE = {"source": [is_("severity", "critical")], "target": [is_("severity", "warning")]}


@pytest.mark.parametrize(
    ("equal", "target", "expected"),
    [
        ([], {"kpi": "y"}, [["+a"]]),
        (["kpi"], {"kpi": "x"}, [["+a"]]),
        (["kpi"], {"kpi": "y"}, [["+a"], ["+b"]]),
        (["kpi", "area"], {"kpi": "x"}, [["+a"]]),  # both lack `area`: alike
        (["kpi", "area"], {"kpi": "x", "area": "eu"}, [["+a"], ["+b"]]),
    ],
)
async def test_what_both_must_say_alike(watch, equal, target, expected):
    await watch.call("POST", "/v1/inhibition-rules", 201, name="worse first", equal=equal, **WORSE)
    await watch.post(
        lasting(watch, "a", severity="critical", kpi="x"), lasting(watch, "b", severity="warning", **target)
    )
    await watch.pass_by(30)

    assert sorted(names for _, names in await watch.said()) == expected


async def test_a_source_that_is_silenced_inhibits_all_the_same(watch):
    await watch.call("POST", "/v1/inhibition-rules", 201, name="worse first", **WORSE)
    await silence(watch, is_("alertname", "a"))
    await watch.post(lasting(watch, "a", severity="critical"), lasting(watch, "b", severity="warning"))
    await watch.pass_by(30)

    assert await watch.said() == []


async def test_a_source_that_was_inhibited_inhibits_as_well(watch):
    """Alertmanager asks what fires, not what is told: b is quiet because of a, and c because of b."""
    rules = (("critical", "warning"), ("warning", "info"))
    for source, target in rules:
        sides = {"source": [is_("severity", source)], "target": [is_("severity", target)]}
        await watch.call("POST", "/v1/inhibition-rules", 201, name=source, **sides)
    await watch.post(
        *(lasting(watch, name, severity=one) for name, one in zip("abc", ("critical", "warning", "info"), strict=True))
    )
    await watch.pass_by(30)

    assert await watch.said() == [("first notification", ["+a"])]


async def test_a_source_nobody_says_again_ends_to_inhibit(watch):
    await watch.call("POST", "/v1/inhibition-rules", 201, name="worse first", **WORSE)
    await watch.post(named("a", severity="critical"), lasting(watch, "b", severity="warning"))
    await watch.pass_by(30)
    await watch.pass_by(300)  # five minutes after it was posted, 330 later: it has ended by itself

    assert sorted(names for _, names in await watch.said()) == [["+a"], ["+b"], ["-a"]]


async def test_another_workspaces_silences_and_rules_hold_nothing(watch):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    await silence(other, is_("alertname", "b"))
    await other.call("POST", "/v1/inhibition-rules", 201, name="worse first", **WORSE)
    await other.post(lasting(other, "a", severity="critical"))
    await watch.post(lasting(watch, "b", severity="warning"))
    await watch.pass_by(30)

    assert await watch.said() == [("first notification", ["+b"])]


async def test_nothing_is_asked_where_nothing_is_to_be_told(watch):
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        assert await silences.quiet_ones(session, {}) == frozenset()


@given(st.integers(-100, 100), st.integers(0, 100), st.integers(-200, 200))
def test_a_silence_is_in_one_state_and_only_goes_on(starts, length, now):
    def at(second):
        return ZERO + timedelta(seconds=second)

    order = list(SilenceState)
    before, after = (state_of(at(starts), at(starts + length), at(moment)) for moment in (now, now + 1))
    assert order.index(before) <= order.index(after)
    assert (before is SilenceState.ACTIVE) == (starts <= now < starts + length)


NAMES, VALUES = "xyz", ["", "1", "2", "12"]
MATCHERS = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["", "1", "1|2", "1.*", ".*2", ".+"]),
    ),
    min_size=1,
    max_size=3,
)
LABELS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=3)


def holds_by_the_book(matchers, labels):
    """Say whether all matchers hold, with Python's own expressions: an absent label is an empty text, expressions mean all of it."""
    answers = {
        "=": lambda value, found: value == found,
        "!=": lambda value, found: value != found,
        "=~": lambda value, found: re.fullmatch(value, found) is not None,
        "!~": lambda value, found: re.fullmatch(value, found) is None,
    }
    return all(answers[op](value, labels.get(name, "")) for name, op, value in matchers)


@given(st.lists(MATCHERS, max_size=4), LABELS)
def test_silences_are_those_of_a_second_writing(asked, labels):
    active = [
        Quiet(str(number), tuple(Matcher(name, MatchOp(op), value) for name, op, value in matchers))
        for number, matchers in enumerate(asked)
    ]
    expected = [str(number) for number, matchers in enumerate(asked) if holds_by_the_book(matchers, labels)]

    assert silences_of(labels, active) == expected
