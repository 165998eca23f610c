"""Usage: which part of the active people uses a feature, and how many features they use."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.usages.rules import Breadth, Counted, Features, as_table, places_in, usage_of
from services.metrics.tests.analyst import BOT, Analyst, did, is_known
from services.metrics.tests.asked import Insights
from tests.insights.compare import differences
from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import NONE, chosen, field, label, matches, text
from tests.insights.worlds import NAMES
from tests.insights.worlds import world as world_of

DAYS = [datetime(2026, 3, day, tzinfo=UTC) for day in range(1, 8)]


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "usage")


def people(answer):
    """Return (label, people) of each feature."""
    return [(each["label"], each["people"]) for each in answer["features"]]


@pytest.mark.parametrize(
    ("units", "edges", "places"),
    [
        (DAYS[:3], DAYS, [0, 1, 2]),
        (DAYS[:4], [DAYS[0], DAYS[2], DAYS[6]], [0, 0, 1, 1]),
        ([DAYS[0] + timedelta(hours=hour) for hour in (0, 23, 24)], DAYS, [0, 0, 1]),
        ([], DAYS, []),
    ],
)
def test_each_unit_of_time_is_in_one_interval(units, edges, places):
    assert places_in(units, edges) == places


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (Features((EventFilter("A"), EventFilter(None), EventFilter("B", label="乙"))), ["A", "*", "乙"]),
        (Features(values=("x", "y")), ["x", "y"]),
        (Features(), []),
    ],
)
def test_features_are_called_as_they_are_named(features, labels):
    assert features.labels == labels


def test_who_uses_it_is_a_part_of_who_is_active():
    # 8 active on the first day, 5 on the second, 10 in all; 4 used A (of them 1 for the first time), on 6 days, 12 times
    found = [
        Counted(1, 0, 2, 1, 3, 2), Counted(1, 2, 4, 1, 12, 6),
    ]  # fmt: skip
    active = [Breadth(0, 0, 6), Breadth(1, 0, 2), Breadth(0, 1, 5), Breadth(0, 2, 6), Breadth(1, 2, 4)]
    answer = usage_of(["A", "B"], ["x", "y"], found, active, incomplete_from=1)

    first, second = answer.features
    assert (first.adoption, first.adoption_by_interval) == (4 / 10, [2 / 8, 0 / 5])
    assert (first.events_per_person, first.days_per_person) == (12 / 4, 6 / 4)
    assert (second.people, second.adoption, second.events_per_person, second.days_per_person) == (0, 0.0, None, None)
    assert (answer.active.total, answer.active.by_interval, answer.breadth) == (10, [8, 5], [6, 4, 0])
    names, rows = as_table(answer)
    assert names[-2:] == ["x", "y"]
    assert rows == [["A", 4, 0.4, 1, 12, 3.0, 1.5, 0.25, 0.0], ["B", 0, 0.0, 0, 0, None, None, 0.0, 0.0]]


def test_of_nobody_there_is_no_part():
    answer = usage_of(["A"], ["x"], [], [], incomplete_from=None)

    assert (answer.features[0].adoption, answer.features[0].adoption_by_interval) == (None, [None])
    assert (answer.active.total, answer.breadth) == (0, [0, 0])


async def test_a_world_worked_by_hand(analyst):
    # day   01      02   03        active: u1 u2 on the 1st, u1 on the 2nd, u2 u3 on the 3rd; u4 only before
    # u1    A A     A    .         A: u1 on 2 days with 3 events, u2 on 1 with 1: 2 of 3 people, 4 / 2 events, 3 / 2 days
    # u2    B       .    A B       B: u2 on 2 days with 2 events, 1 of 3 people
    # u3    .       .    C         first use ever: of A u2's (u1 used it in February), of B u2's
    # breadth of A and B: u3 none, u1 one, u2 both
    await analyst.tell(
        did("u1", "A", "02-20"), did("u4", "B", "02-20"),
        did("u1", "A", "01T08:00"), did("u1", "A", "01T09:00"), did("u1", "A", "02"),
        did("u2", "B", "01"), did("u2", "A", "03T08:00"), did("u2", "B", "03T09:00"), did("u3", "C", "03"),
    )  # fmt: skip

    answer = await analyst.ask("01", "03", features=[{"event": "B"}, {"event": "A", "label": "甲"}])

    assert answer == {
        "intervals": [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)],
        "features": [
            {
                "label": "甲", "people": 2, "adoption": 2 / 3, "new_people": 1, "events": 4, "events_per_person": 2.0,
                "days_per_person": 1.5, "adoption_by_interval": [0.5, 1.0, 0.5],
            },
            {
                "label": "B", "people": 1, "adoption": 1 / 3, "new_people": 1, "events": 2, "events_per_person": 2.0,
                "days_per_person": 2.0, "adoption_by_interval": [0.5, 0.0, 0.5],
            },
        ],
        "active": {"total": 3, "by_interval": [2, 1, 2]},
        "breadth": [1, 1, 1],
        "incomplete_from": None,
    }  # fmt: skip


async def test_without_features_the_values_that_most_people_used(analyst):
    await analyst.tell(
        did("u1", "A", "01", {"feature": "导出"}), did("u2", "A", "01", {"feature": "导出"}),
        did("u1", "A", "02", {"feature": "b"}), did("u3", "A", "02", {"feature": "a"}), did("u4", "A", "02"),
        *(did("u3", "A", "03", {"feature": "a"}) for _ in range(5)),
    )  # fmt: skip

    answer = await analyst.ask(by="properties.feature", limit=2)
    # 导出 has two people; a and b one each, so a by its text, however often it was used; u4 used none
    assert people(answer) == [("导出", 2), ("a", 1)]
    assert (answer["active"]["total"], answer["breadth"]) == (4, [1, 3, 0])
    assert people(await analyst.ask()) == [("A", 4)]


async def test_another_services_event_is_a_use_where_it_is_named(analyst, world_with_store):
    world = world_with_store
    world.api.clock.set(datetime(2026, 3, 2, 12, tzinfo=UTC))
    await analyst.tell(did("u1", "A", "02"))
    await world.hear_now(world.received(at=datetime(2026, 3, 2, 9, tzinfo=UTC), user="u2"))
    await world.recur()

    answer = await analyst.ask(features=[{"event": "feedback.received"}, {"event": "A"}])

    # whoever gave feedback was there, or a part could be more than all
    assert (people(answer), answer["active"]["total"]) == ([("A", 1), ("feedback.received", 1)], 2)
    assert people(await analyst.ask()) == [("A", 1)]


async def test_merged_people_are_one_and_robots_and_nobody_are_none(analyst):
    await analyst.tell(
        did("", "A", "02-01", userId=None, anonymousId="a1"), did("u1", "A", "01"), did("robot", "A", "01", **BOT)
    )
    await analyst.tell_of_nobody("A", "01")
    answer = await analyst.ask(features=[{"event": "A"}])
    assert (answer["features"][0]["people"], answer["features"][0]["new_people"]) == (1, 1)

    await analyst.tell(is_known("u1", "03", anonymous="a1"))

    answer = await analyst.ask(features=[{"event": "A"}])
    assert (answer["features"][0]["people"], answer["features"][0]["new_people"]) == (1, 0)
    filtered = await analyst.ask(features=[{"event": "A"}], include_filtered=True)
    assert filtered["features"][0]["people"] == 2


async def test_days_are_days_of_the_zone_also_in_weeks_and_hours(analyst):
    # in Shanghai 15:59 and 16:00 of UTC are two days; weeks begin on Monday, the 2nd
    await analyst.tell(did("u1", "A", "02T15:59"), did("u1", "A", "02T16:00"), did("u1", "A", "02T17:00"))

    for interval, zone, days, first in (
        ("week", "Asia/Shanghai", 2.0, "2026-03-01T16:00:00Z"),
        ("week", "UTC", 1.0, "2026-03-02T00:00:00Z"),
        ("hour", "Asia/Shanghai", 2.0, "2026-03-01T16:00:00Z"),
        ("month", "UTC", 1.0, "2026-03-01T00:00:00Z"),
    ):
        answer = await analyst.ask("02", "03", interval=interval, time_zone=zone)
        assert (answer["features"][0]["days_per_person"], answer["intervals"][0]) == (days, first)
        assert answer["active"]["by_interval"][0] == (0 if interval == "hour" else 1)


async def test_as_csv_and_another_workspace_sees_nothing(analyst):
    await analyst.tell(did("u1", "=A", "01"))
    table = await analyst.answer("01", "02", headers={"Accept": "text/csv"})
    assert table.text.splitlines() == [
        "label,people,adoption,new_people,events,events_per_person,days_per_person,2026-03-01T00:00:00Z,2026-03-02T00:00:00Z",
        "'=A,1,1.0,1,1,1.0,1.0,1.0,",
    ]

    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    answer = (await analyst.answer(headers=theirs)).json()
    assert (answer["features"], answer["active"]["total"], answer["breadth"]) == ([], 0, [0])


@pytest.mark.parametrize("field_", ["path", "properties.plan", "person.plan", "group.company"])
async def test_a_feature_may_be_told_by_any_field(analyst, field_):
    page = {"url": "https://shop.example/高级?q=1", "path": "/高级", "plan": "/高级"}
    await analyst.tell(
        is_known("u1", "01", plan="/高级"),
        did("u1", "", "02", page, type="page", context={"groups": {"company": "/高级"}, "groupId": "/高级"}),
        did("u2", "A", "02"),
    )

    answer = await analyst.ask(by=field_)

    assert answer["active"]["total"] == 2
    # Segment's client tells of groups by themselves, and not with each event
    assert people(answer) == ([] if field_ == "group.company" else [("/高级", 1)])


async def test_conditions_narrow_who_is_active_as_well(analyst):
    await analyst.tell(
        did("u1", "A", "01", {"plan": "pro"}), did("u1", "B", "01", {"plan": "pro"}), did("u2", "A", "01", {"plan": "free"}),
        did("u3", "B", "02", {"plan": "pro"}), did("u3", "A", "02-01", {"plan": "free"}), did("u3", "A", "03", {"plan": "pro"}),
    )  # fmt: skip
    pro = [{"field": "properties.plan", "op": "eq", "value": "pro"}]

    answer = await analyst.ask(where=pro, features=[{"event": "A"}])

    # u3 used A before, but not as one of these: what a condition takes away does not exist
    feature = answer["features"][0]
    assert (feature["people"], feature["new_people"], answer["active"]["total"]) == (2, 2, 2)
    narrow = await analyst.ask(features=[{"event": "A", "where": pro}])
    assert (narrow["features"][0]["people"], narrow["active"]["total"]) == (2, 3)


async def test_twenty_features_and_fifty_values_are_told(analyst):
    await analyst.tell(*(did("u1", f"E{number:02}", "01") for number in range(60)), did("u2", "E59", "01"))

    asked = [{"event": f"E{number:02}"} for number in range(20)]
    answer = await analyst.ask("01", "01", features=asked)
    assert people(answer) == [(f"E{number:02}", 1) for number in range(20)]
    assert answer["breadth"] == [1] + [0] * 19 + [1]
    answer = await analyst.ask("01", "01", limit=50)
    # two people used E59; of the others the first by their text
    assert people(answer) == [("E59", 2), *((f"E{number:02}", 1) for number in range(49))]
    assert answer["breadth"] == [0, 1] + [0] * 48 + [1]


async def test_one_event_may_be_a_use_of_several_features(analyst):
    await analyst.tell(did("u1", "A", "01"), did("u1", "A", "02"))

    answer = await analyst.ask(features=[{"event": "A"}, {"event": None}, {"event": "A", "label": "again"}])

    assert people(answer) == [("*", 1), ("A", 1), ("again", 1)]
    assert [each["events"] for each in answer["features"]] == [2, 2, 2]
    assert answer["breadth"] == [0, 0, 0, 1]


async def test_ranges_longer_than_a_word_of_bits(analyst):
    # 1 January to 31 May: 151 days, three words of 64; one event each on days 1, 64, 65, 128, 129 and 151
    days = ("01-01", "03-05", "03-06", "05-08", "05-09", "05-31")
    await analyst.tell(*(did("u1", "A", day) for day in days))

    answer = await analyst.ask(**{"from": "2026-01-01", "to": "2026-05-31"})

    shares = answer["features"][0]["adoption_by_interval"]
    assert [place for place, share in enumerate(shares) if share] == [0, 63, 64, 127, 128, 150]
    assert answer["features"][0]["days_per_person"] == 6.0


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"limit": 0}, "/limit"),
        ({"limit": 51}, "/limit"),
        ({"features": [{"event": "A"}] * 21}, "/features"),
        ({"features": [{"event": ""}]}, "/features/0/event"),
        ({"by": "feature"}, "/by"),
        ({"from": "2020-01-01", "interval": "month"}, "/from"),
        ({"from": "2020-01-01"}, "/from"),
        ({"features": [{"where": [{"field": "x", "op": "eq", "value": 1}]}]}, "/features/0/where/0/field"),
    ],
)
async def test_what_cannot_be_meant(analyst, wrong, pointer):
    assert (await analyst.refused(**wrong))[0][0] == pointer


def question(world, random):
    """Return any question about a world."""
    first = world.first_day + timedelta(days=random.randrange(-1, 2))
    some = [{"event": name} for name in random.sample([*NAMES, "$pageview"], k=random.randint(1, 3))]
    some[0]["where"] = [{"field": "properties.source", "op": "exists", "value": random.random() < 0.7}]
    chosen_by = random.choice(({"features": some}, {"by": "event"}, {"by": "properties.source"}, {"by": "path"}))
    return chosen_by | {
        "from": first.isoformat(),
        "to": (first + timedelta(days=world.days)).isoformat(),
        "time_zone": world.zone,
        "week_start": world.week_start,
        "interval": random.choice(("day", "day", "week", "month") + ("hour",) * (world.days < 20)),
        "limit": random.choice((2, 20)),
    }


def plain(events, asked):
    """Return the answer, found event by event."""
    span = span_of(asked)
    all_ = [one for one in chosen(events, asked) if one["person"]]

    def is_inside(one):
        return span.place(one["time"]) is not None

    if features := asked.get("features"):
        uses = {label(each): [one for one in all_ if matches(one, each)] for each in features}
    else:
        told = [(text(field(one, asked["by"])), one) for one in all_ if matches(one, {})]
        who = {value: {one["person"] for said, one in told if said == value and is_inside(one)} for value, _ in told}
        ranked = sorted(
            (value for value in who if who[value] and value != NONE), key=lambda value: (-len(who[value]), value)
        )
        uses = {value: [one for said, one in told if said == value] for value in ranked[: asked["limit"]]}
    active = [one for one in all_ if is_inside(one) and (matches(one, {}) or any(one in own for own in uses.values()))]

    def by_interval(own):
        return [len({one["person"] for one in own if span.place(one["time"]) == place}) for place in range(span.count)]

    total, crowds, rows = len({one["person"] for one in active}), by_interval(active), []
    for name, own in uses.items():
        within = [one for one in own if is_inside(one)]
        users = {one["person"] for one in within}
        earlier = {one["person"] for one in own if one["time"] < span.first}
        days = {(one["person"], span.calendar.day(one["time"])) for one in within}
        shares = [part / whole if whole else None for part, whole in zip(by_interval(within), crowds, strict=True)]
        rows.append(
            {
                "label": name,
                "people": len(users),
                "adoption": len(users) / total if total else None,
                "new_people": len(users - earlier),
                "events": len(within),
                "events_per_person": len(within) / len(users) if users else None,
                "days_per_person": len(days) / len(users) if users else None,
                "adoption_by_interval": shares,
            }
        )
    used = Counter(
        sum(any(one["person"] == person and is_inside(one) for one in own) for own in uses.values())
        for person in {one["person"] for one in active}
    )
    return {
        "features": sorted(rows, key=lambda row: (-row["people"], row["label"])),
        "active": {"total": total, "by_interval": crowds},
        "breadth": [used[count] for count in range(len(uses) + 1)],
    }


@pytest.mark.parametrize("seed", [*range(1, 7), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(7, 21))])
async def test_the_product_counts_as_plain_python_does(world_with_store, seed):
    insights, world = Insights(world_with_store), world_of(seed)
    world_with_store.api.clock.set(world.now)
    await insights.happened(*world.messages)

    questions = [question(world, Random(f"{seed} {number}")) for number in range(3)]
    answers = await asyncio.gather(*(insights.ask("usage", **asked) for asked in questions))
    for asked, found in zip(questions, answers, strict=True):
        assert list(differences(found, plain(world.events, asked))) == [], asked


@pytest.mark.parametrize(
    ("found", "order"),
    [
        ([(1, 3), (2, 5), (3, 1)], ["乙", "a", "Z"]),
        ([(1, 3), (2, 3), (3, 3)], ["Z", "a", "乙"]),
        ([(3, 1)], ["Z", "a", "乙"]),
        ([], ["Z", "a", "乙"]),
    ],
)
def test_features_are_in_the_order_of_their_people_then_of_their_labels(found, order):
    rows = [Counted(number, 1, count, 0, count, count) for number, count in found]

    answer = usage_of(["a", "乙", "Z"], ["x"], rows, [Breadth(0, 1, 10)], incomplete_from=None)

    assert [each.label for each in answer.features] == order
    assert [each.people for each in answer.features] == sorted((each.people for each in answer.features), reverse=True)
    assert all(each.adoption == each.people / 10 for each in answer.features)


@pytest.mark.parametrize("breadth", [[], [(0, 3)], [(1, 2), (0, 1)], [(2, 4), (1, 1), (0, 2)]])
def test_breadth_has_a_number_for_none_and_for_each_number_of_features(breadth):
    people_in_all = sum(count for _, count in breadth)

    active = [Breadth(used, 0, count) for used, count in breadth]
    answer = usage_of(["a", "b"], [], [], active, incomplete_from=None)

    assert len(answer.breadth) == 3
    assert sum(answer.breadth) == answer.active.total == people_in_all
    assert all(answer.breadth[used] == count for used, count in breadth)


@pytest.mark.parametrize(
    ("start", "end", "zone", "interval", "is_taken"),
    [
        ("2023-06-16", "2026-03-11", "UTC", "day", True),
        ("2023-06-15", "2026-03-11", "UTC", "day", False),
        ("2023-06-16", "2026-03-11", "UTC", "week", True),  # 16 June was a Friday: the first week begins before
        ("2023-06-16", "2026-03-11", "UTC", "month", True),
        ("2023-06-15", "2026-03-11", "UTC", "month", False),
        ("2023-06-01", "2026-02-24", "US/Pacific", "day", True),  # from summer into winter: an hour more
        ("2023-06-01", "2026-02-25", "US/Pacific", "week", False),
    ],
)
async def test_a_thousand_days_of_the_calendar(analyst, start, end, zone, interval, is_taken):
    given = {"from": start, "to": end, "time_zone": zone, "interval": interval, "features": [{"event": "A"}]}

    await analyst.answer(**given, expect=200 if is_taken else 422)
