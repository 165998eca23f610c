"""Trends through the door: small worlds worked by hand."""

from __future__ import annotations

import csv
from io import StringIO

import pytest

from services.metrics.tests.analyst import BOT, Analyst, did, is_known

OPEN = {"event": "open"}


@pytest.fixture
def analyst(world_with_store):
    return Analyst(world_with_store, "trends")


def of(aggregate, field="properties.amount", event="buy", **more):
    return {"event": event, "aggregate": aggregate, "property": field} | more


def seen(answer):
    return [(row["name"], row["breakdown"], row["values"], row["total"]) for row in answer["series"]]


def parts(answer):
    return [(row["breakdown"], row["values"]) for row in answer["series"]]


async def shop(analyst):
    """Three days: amounts 1, 2, 3 and 10 on the 1st, none on the 2nd, 20 on the 3rd, and some that are no numbers."""
    await analyst.tell(
        *(did("u1", "buy", "01", {"amount": amount}) for amount in (1, 2, 3, 10)),
        did("u2", "buy", "03", {"amount": 20.0}),
        *(did("u1", "buy", "03", {"amount": amount}) for amount in ("7", True, None, [8], {"a": 9})),
        did("u1", "buy", "03"),
    )


AGGREGATES = [
    ("sum", [16, 0, 20], 36),
    ("avg", [4, None, 20], 7.2),
    ("min", [1, None, 20], 1),
    ("max", [10, None, 20], 20),
    ("median", [2.5, None, 20], 3),
    # of 1 2 3 10 at place 3 * 0.9 = 2.7: 3 + 0.7 * 7; of 1 2 3 10 20 at place 3.6: 10 + 0.6 * 10
    ("p90", [7.9, None, 20], 16),
    ("p95", [8.95, None, 20], 18),
    ("p99", [9.79, None, 20], 19.6),
]


async def test_aggregates_of_numbers_alone(analyst, subtests):
    await shop(analyst)
    for aggregate, values, total in AGGREGATES:
        with subtests.test(aggregate=aggregate):
            ((_, _, found, whole),) = seen(await analyst.ask(series=[of(aggregate)]))

            assert found == pytest.approx(values)
            assert whole == pytest.approx(total)


async def test_events_and_people_and_people_count_once_in_the_total(analyst):
    await analyst.tell(
        did("u1", "open", "01"), did("u1", "open", "01T13:00"), did("u2", "open", "01"), did("u1", "open", "03"),
        did("u3", "view", "02"), is_known("u4", "02"),
    )  # fmt: skip

    answer = await analyst.ask(series=[OPEN, OPEN | {"aggregate": "users", "label": "人"}, {"event": None}])

    assert seen(answer) == [
        ("A", None, [3, 0, 1], 4),
        ("B", None, [2, 0, 1], 2),
        ("C", None, [3, 1, 1], 5),
    ]
    assert [row["label"] for row in answer["series"]] == ["open", "人", "*"]
    assert answer["intervals"] == ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"]
    assert all(isinstance(value, int) for row in answer["series"] for value in row["values"])


async def test_merged_people_are_one(analyst):
    await analyst.tell(did("", "open", "01", userId=None, anonymousId="a1"), did("u1", "open", "01"))
    users = [OPEN | {"aggregate": "users"}]
    assert seen(await analyst.ask(series=users)) == [("A", None, [2, 0, 0], 2)]

    await analyst.tell(is_known("u1", "02", anonymous="a1", plan="专业版"))

    assert seen(await analyst.ask(series=users)) == [("A", None, [1, 0, 0], 1)]
    divided = await analyst.ask(series=[OPEN, *users], breakdown={"field": "person.plan"})
    assert seen(divided) == [("A", "专业版", [2, 0, 0], 2), ("B", "专业版", [1, 0, 0], 1)]


async def test_who_counts(analyst):
    await analyst.tell(
        did("u1", "open", "01"), did("robot", "open", "01", **BOT), did("tester", "open", "01", {"is_test": True})
    )
    await analyst.tell_of_nobody("open", "01")
    series = [OPEN, OPEN | {"aggregate": "users"}]

    assert [row["total"] for row in (await analyst.ask(series=series))["series"]] == [2, 1]
    assert [row["total"] for row in (await analyst.ask(series=series, include_filtered=True))["series"]] == [4, 3]
    theirs = await analyst.world.api.key("metrics:read", workspace="other")
    answer = (await analyst.answer(headers=theirs, series=series)).json()
    assert [row["total"] for row in answer["series"]] == [0, 0]


async def test_identify_is_no_event_even_where_it_is_named(analyst):
    await analyst.tell(is_known("u1", "01"), did("u1", "open", "01"))

    assert seen(await analyst.ask(series=[{"event": "$identify"}])) == [("A", None, [0, 0, 0], 0)]


async def test_the_rest_is_other_and_a_person_counts_once_in_it(analyst):
    times = {"ad": 4, "微信": 3, "mail": 1, "print": 1}
    await analyst.tell(
        *(did("u1", "open", "01", {"from": source}) for source, count in times.items() for _ in range(count)),
        did("u2", "open", "02"), did("u2", "open", "02", {"from": ""}), did("u2", "open", "02", {"from": None}),
    )  # fmt: skip
    by = {"field": "properties.from", "limit": 3}

    answer = await analyst.ask(series=[OPEN, OPEN | {"aggregate": "users"}], breakdown=by)

    assert seen(answer) == [
        ("A", "ad", [4, 0, 0], 4),
        ("A", "$none", [0, 3, 0], 3),
        ("A", "微信", [3, 0, 0], 3),
        ("A", "$other", [2, 0, 0], 2),
        ("B", "ad", [1, 0, 0], 1),
        ("B", "$none", [0, 1, 0], 1),
        ("B", "微信", [1, 0, 0], 1),
        ("B", "$other", [1, 0, 0], 1),
    ]


async def test_values_of_all_kinds_are_texts(analyst):
    values = [5, 5.0, "5", 2.5, True, [1, 2.0, "é/"], {"a": {"b": "中"}}, 'say "x"', "C:\\", "a.b"]
    await analyst.tell(*(did("u1", "open", "01", {"v": value}) for value in values))

    answer = await analyst.ask("01", "01", series=[OPEN], breakdown={"field": "properties.v", "limit": 50})

    assert sorted(parts(answer)) == sorted(
        [
            ("5", [3]), ("2.5", [1]), ("true", [1]), ('[1,2,"é/"]', [1]), ('{"a":{"b":"中"}}', [1]), ('say "x"', [1]),
            ("C:\\", [1]), ("a.b", [1]),
        ]
    )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["it's", 'a"b', "a\\b", "{x:String}", "'; DROP TABLE event; --", "名字", "a b", "%s", "\n"]
)
async def test_names_of_fields_are_never_part_of_the_sql(analyst, name):
    await analyst.tell(did("u1", "buy", "01", {name: 3}), did("u1", "buy", "01", {"other": 3}))
    field = f"properties.{name}"

    answer = await analyst.ask(
        "01", "01", series=[of("sum", field), of("count", None, where=[{"field": field, "op": "exists"}])],
        breakdown={"field": field},
    )  # fmt: skip

    # two series count the event that has it, one the other
    assert seen(answer) == [("A", "3", [3], 3), ("A", "$none", [0], 0), ("B", "3", [1], 1), ("B", "$none", [0], 0)]


async def test_a_dot_goes_into_objects(analyst):
    await analyst.tell(
        did("u1", "buy", "01", {"cart": {"total": 7, "a.b": 1}}), did("u1", "buy", "01", {"cart.total": 9})
    )

    assert seen(await analyst.ask("01", "01", series=[of("sum", "properties.cart.total")])) == [("A", None, [7], 7)]


async def test_breakdown_by_group_and_by_column(analyst):
    await analyst.tell(
        did("u1", "open", "01", context={"groupId": "c1"}), did("u2", "open", "01"),
        did("u1", "", "02", type="page", properties={"url": "https://shop.example/a"}),
    )  # fmt: skip

    by_group = await analyst.ask("01", "01", series=[OPEN], breakdown={"field": "group.group"})
    by_path = await analyst.ask("02", "02", series=[{}], breakdown={"field": "path"})
    numbers_of_text = await analyst.ask("01", "01", series=[of("sum", "path", "open"), of("avg", "path", "open")])

    assert parts(by_group) == [("$none", [1]), ("c1", [1])]
    assert parts(by_path) == [("/a", [1])]
    assert [row["total"] for row in numbers_of_text["series"]] == [0, None]


async def test_the_time_before_has_the_values_of_now(analyst):
    await analyst.tell(
        did("u1", "open", "01", {"v": "a"}), did("u1", "open", "02", {"v": "gone"}), did("u2", "open", "02", {"v": "a"}),
        did("u1", "open", "03", {"v": "a"}), did("u1", "open", "04", {"v": "b"}), did("u2", "open", "04", {"v": "b"}),
    )  # fmt: skip
    query = {"series": [OPEN, OPEN | {"aggregate": "users"}], "formulas": ["A-B"], "compare": "previous"}

    whole = await analyst.ask("03", "04", **query)
    divided = await analyst.ask("03", "04", breakdown={"field": "properties.v"}, **query)
    with_other = await analyst.ask("03", "04", breakdown={"field": "properties.v", "limit": 1}, **query)

    def before(answer):
        return [
            (row["name"], row["breakdown"], row["previous"]["values"], row["previous"]["total"])
            for row in answer["series"]
        ]

    assert before(whole) == [("A", None, [1, 2], 3), ("B", None, [1, 2], 2), ("A-B", None, [0, 0], 1)]
    assert before(divided)[:2] == [("A", "b", [0, 0], 0), ("A", "a", [1, 1], 2)]
    assert before(with_other)[:2] == [("A", "b", [0, 0], 0), ("A", "$other", [1, 2], 3)]


async def test_formulas_go_by_values_and_by_totals(analyst):
    # 600 of 1 and 2,000 of 2: the total is of the totals, not the sum of the days
    await analyst.tell(
        did("u1", "buy", "01", {"amount": 600}), did("u1", "buy", "02", {"amount": 900}), did("u2", "buy", "02", {"amount": 1100}),
    )  # fmt: skip

    answer = await analyst.ask(series=[of("sum"), {"event": "buy"}], formulas=["A/B", "A / (B - B)"], moving_average=2)

    assert seen(answer)[2:] == [("A/B", None, [600, 1000, 0], 2600 / 3), ("A / (B - B)", None, [0, 0, 0], 0)]
    assert answer["series"][2]["moving_average"] == [600, 800, 500]


@pytest.mark.parametrize(
    ("zone", "interval", "values"),
    [
        ("UTC", "day", [0, 3, 1]),
        ("Asia/Shanghai", "day", [0, 2, 2]),  # its 8 March ends at 16:00 in UTC
        ("US/Pacific", "day", [1, 3, 0]),  # its 8 March is from 08:00 to 07:00, 23 hours
        ("US/Pacific", "week", [1, 3]),
        ("US/Pacific", "month", [4]),
    ],
)
async def test_intervals_are_those_of_the_zone(analyst, zone, interval, values):
    await analyst.tell(*(did("u1", "open", when) for when in ("08T07:00", "08T08:00", "08T16:00", "09T06:59:59.999")))

    answer = await analyst.ask("07", "09", time_zone=zone, interval=interval, week_start="sunday", series=[OPEN])

    assert answer["series"][0]["values"] == values


async def test_an_hour_that_comes_twice_is_two(analyst):
    # in California 2 November 2025 has 25 hours: 1:30 is at 08:30 and at 09:30 in UTC
    times = [f"2025-11-02T{clock}:00Z" for clock in ("08:30", "09:30", "09:59")]
    await analyst.tell(*(did("u1", "open", "01", timestamp=time) for time in times))

    query = {"from": "2025-11-02", "to": "2025-11-02", "time_zone": "US/Pacific", "interval": "hour"}
    answer = await analyst.ask(**query, series=[OPEN, OPEN | {"aggregate": "users"}])

    assert len(answer["intervals"]) == 25
    assert answer["intervals"][1:3] == ["2025-11-02T08:00:00Z", "2025-11-02T09:00:00Z"]
    assert [row["values"][:4] for row in answer["series"]] == [[0, 1, 2, 0], [0, 1, 1, 0]]


async def test_the_first_interval_is_whole_and_the_last_ends_with_the_time(analyst):
    await analyst.tell(did("u1", "open", "01T01:00"), did("u1", "open", "02T01:00"), did("u1", "open", "02T11:00"))
    query = {"from": "2026-03-01T10:00:00Z", "to": "2026-03-02T10:00:00Z", "series": [OPEN]}

    answer = await analyst.ask(**query)

    assert seen(answer) == [("A", None, [1, 1], 2)]
    assert answer["incomplete_from"] == 1


async def test_as_csv_with_nothing_that_a_spreadsheet_would_run(analyst):
    await analyst.tell(
        did("u1", "=HYPERLINK(1)", "01", {"v": '@sum, "x"'}), did("u1", "=HYPERLINK(1)", "01", {"amount": -2})
    )
    series = [{"event": "=HYPERLINK(1)"}, of("sum", event=None)]

    answer = await analyst.answer(
        "01", "01", headers={"Accept": "text/csv"}, series=series, breakdown={"field": "properties.v"}
    )

    table = list(csv.reader(StringIO(answer.text)))
    assert table[0] == ["name", "label", "breakdown", "interval", "value", "moving_average", "previous"]
    assert table[1] == ["A", "'=HYPERLINK(1)", "$none", "2026-03-01T00:00:00Z", "1", "", ""]
    assert table[3][2] == '\'@sum, "x"'
    assert [row[4] for row in table if row[:3] == ["B", "*", "$none"]] == ["-2", "-2"]


WRONG = [
    ({"series": []}, "/series", "at least 1"),
    ({"series": [{}] * 11}, "/series", "at most 10"),
    ({"series": [{"aggregate": "sum"}]}, "/series/0/property", "sum needs the field"),
    ({"series": [{"property": "properties.x"}]}, "/series/0/property", "has no meaning for count"),
    ({"series": [{"aggregate": "sum", "property": "amount"}]}, "/series/0/property", "field of an event"),
    ({"series": [{"aggregate": "total"}]}, "/series/0/aggregate", ""),
    ({"series": [{}], "breakdown": {"field": "path", "limit": 51}}, "/breakdown/limit", "50"),
    ({"series": [{}], "breakdown": {"field": "path", "limit": 0}}, "/breakdown/limit", "1"),
    ({"series": [{}], "breakdown": {"field": "pfad"}}, "/breakdown/field", "field of an event"),
    ({"series": [{}], "formulas": ["A/B"]}, "/formulas/0", "has B at character 3; the series are A"),
    ({"series": [{}], "formulas": ["A" * 101]}, "/formulas/0", ""),
    ({"series": [{}], "moving_average": 0}, "/moving_average", ""),
    ({"series": [{}], "compare": "next"}, "/compare", ""),
    ({"series": [{}], "interval": "year"}, "/interval", ""),
    ({"series": [{}], "from": "2026-03-09", "to": "2026-03-01"}, "/to", "after from"),
]


async def test_what_is_wrong_is_named(analyst, subtests):
    for query, pointer, words in WRONG:
        with subtests.test(query=query):
            faults = await analyst.refused(**query)

            assert faults[0][0] == pointer
            assert words in faults[0][1]


async def test_nothing_has_no_rows_by_value_and_zeros_without(analyst):
    assert (await analyst.ask(series=[OPEN], breakdown={"field": "path"}, compare="previous"))["series"] == []
    assert seen(await analyst.ask(series=[OPEN, of("avg")])) == [
        ("A", None, [0, 0, 0], 0),
        ("B", None, [None] * 3, None),
    ]
