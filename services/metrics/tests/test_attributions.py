"""Attribution through the door: which visits get the credit, with numbers worked by hand."""

from __future__ import annotations

from urllib.parse import quote

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did, identified, many

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}
PAID = {"event": "paid"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


def came(who, when, source="", page="/", **more):
    """Return the first page of a visit; `source` is its utm_source."""
    query = f"?utm_source={quote(source)}" if source else ""
    told = {"path": page, "url": f"https://shop.example{page}{query}"}
    return did(who, page, when, properties=told, **more)


def paid(who, when, amount=None, **more):
    return did(who, "paid", when, properties={} if amount is None else {"amount": amount}, **more)


def credit(answer):
    """See rows as value, sessions, people, and the conversions by each model."""
    models = ("first", "last", "linear")
    return [
        (row["value"], row["sessions"], row["people"], *(round(row[model]["conversions"], 9) for model in models))
        for row in answer["rows"]
    ]


def revenue(answer):
    models = ("first", "last", "linear")
    return {row["value"]: tuple(round(row[model]["revenue"], 9) for model in models) for row in answer["rows"]}


async def ask(insights, **query):
    return await insights.ask("attribution", **MARCH | {"conversion": PAID, "by": "utm_source"} | query)


async def test_three_models_and_their_revenue(insights):
    """u1 comes by ad, mail, ad and pays 90: first ad, last ad, linear 2/3 ad and 1/3 mail. u2 comes by mail and pays twice, 10 and
    (no number) nothing: all mail. So first ad 1, mail 2; linear ad 2/3, mail 1/3 + 2; money linear ad 60, mail 30 + 10."""
    await insights.happened(
        came("u1", "03-01T10:00", "ad"),
        came("u1", "03-02T10:00", "mail"),
        came("u1", "03-03T10:00", "ad"),
        paid("u1", "03-03T10:05", 90),
        came("u2", "03-04T10:00", "mail"),
        paid("u2", "03-04T10:01", 10),
        paid("u2", "03-04T10:02", "10"),
    )

    found = await ask(insights, revenue="properties.amount")

    assert credit(found) == [
        ("mail", 2, 2, 2, 2, round(1 / 3 + 2, 9)),
        ("ad", 2, 1, 1, 1, round(2 / 3, 9)),
    ]
    assert revenue(found) == {"mail": (10, 10, 40), "ad": (90, 90, 60)}
    assert found["total"] == {"conversions": 3, "revenue": 100, "people": 2}


async def test_money_is_null_where_nobody_asks_for_it(insights):
    await insights.happened(came("u1", "03-01T10:00", "ad"), paid("u1", "03-01T10:01", 5))

    found = await ask(insights)

    assert found["rows"][0]["linear"] == {"conversions": 1, "revenue": None}
    assert found["total"] == {"conversions": 1, "revenue": None, "people": 1}


async def test_the_channel_is_what_counts_by_itself_and_direct_visits_are_passed_over(insights):
    """u1: newsletter, then a search, then twice direct, then pays: 1/2 email, 1/2 search. u2 only came direct: it is direct's."""
    mail = {"path": "/", "url": "https://shop.example/?utm_source=newsletter&utm_medium=email"}
    search = {"path": "/", "url": "https://shop.example/", "referrer": "https://www.google.com/"}
    await insights.happened(
        did("u1", "/", "03-01T10:00", properties=mail),
        did("u1", "/", "03-02T10:00", properties=search),
        did("u1", "/", "03-03T10:00"),
        did("u1", "/", "03-04T10:00"),
        paid("u1", "03-04T10:05"),
        did("u2", "/", "03-04T10:00"),
        paid("u2", "03-04T10:05"),
    )

    found = await insights.ask("attribution", **MARCH, conversion=PAID)
    every = await insights.ask("attribution", **MARCH, conversion=PAID, skip_direct=False)

    assert credit(found) == [
        ("direct", 3, 2, 1, 1, 1),
        ("email", 1, 1, 1, 0, 0.5),
        ("organic_search", 1, 1, 0, 1, 0.5),
    ]
    # all four visits of u1 have a quarter
    assert credit(every) == [
        ("direct", 3, 2, 1, 2, 1.5),
        ("email", 1, 1, 1, 0, 0.25),
        ("organic_search", 1, 1, 0, 0, 0.25),
    ]


@pytest.mark.parametrize(
    ("skip_direct", "expected"),
    [
        (True, [("ad", 1, 1, 1, 1, 1), ("$none", 1, 1, 0, 0, 0)]),
        (False, [("$none", 1, 1, 0, 1, 0.5), ("ad", 1, 1, 1, 0, 0.5)]),
    ],
)
async def test_a_visit_without_a_value_is_passed_over_too(insights, skip_direct, expected):
    await insights.happened(came("u1", "03-01T10:00", "ad"), came("u1", "03-02T10:00"), paid("u1", "03-02T10:01"))

    assert credit(await ask(insights, skip_direct=skip_direct)) == expected


async def test_a_source_called_direct_is_a_source(insights):
    await insights.happened(
        came("u1", "03-01T10:00", "ad"), came("u1", "03-02T10:00", "direct"), paid("u1", "03-02T10:01")
    )

    assert credit(await ask(insights)) == [("ad", 1, 1, 1, 0, 0.5), ("direct", 1, 1, 0, 1, 0.5)]


@pytest.mark.parametrize(
    ("begun", "lookback", "expected"),
    [
        ("03-09T12:00", "P1D", "ad"),  # begun exactly then
        ("03-09T11:59:59.999", "P1D", "$none"),
        ("03-09T11:59:59.999", "PT24H1S", "ad"),
        ("02-08T12:00", "P30D", "ad"),  # before the range, and 30 days before the payment
        ("02-08T11:59", None, "$none"),
        ("02-08T12:00", None, "ad"),
    ],
)
async def test_how_far_back(insights, store, begun, lookback, expected):
    """The payment at noon of 10 March is an event of another service, and so a visit of its own to nobody."""
    await insights.happened(came("u1", begun, "ad"))
    await fed(store, "u1", "2026-03-10T12:00:00.000")

    asked = {} if lookback is None else {"lookback": lookback}
    found = await ask(insights, conversion={"event": "feedback.received"}, **asked)

    assert [row["value"] for row in found["rows"] if row["linear"]["conversions"]] == [expected]


async def fed(store, who, when):
    """Let another service's event of a person be there."""
    asked = "SELECT DISTINCT toString(person) FROM opsloop.event WHERE distinct_id = {who:String}"
    [[person]] = (await store.query(asked, {"who": who})).rows
    columns = ("workspace", "id", "message_id", "kind", "event", "time", "distinct_id", "person", "properties")
    row = ("acme", "00000000-0000-0000-0000-000000000001", "m1", "domain", "feedback.received", when, who, person, "{}")
    await store.insert("opsloop.event", columns, [row])


async def test_a_session_that_began_too_early_is_out_though_it_still_goes_on(insights):
    """The session of 10:00 goes on until 10:50, when the hour before the payment of 11:10 has long begun: it began 70 min before."""
    await insights.happened(
        came("u1", "03-01T10:00", "ad"),
        *many("u1", "read", ["03-01T10:25", "03-01T10:50"]),
        paid("u1", "03-01T11:10"),
    )

    assert credit(await ask(insights, lookback="PT70M"))[0] == ("ad", 1, 1, 1, 1, 1)
    assert credit(await ask(insights, lookback="PT69M")) == [("$none", 0, 0, 1, 1, 1), ("ad", 1, 1, 0, 0, 0)]


async def test_a_value_is_the_first_in_the_session_even_after_the_payment(insights):
    await insights.happened(
        paid("u1", "03-01T10:00"), came("u1", "03-01T10:10", "mail"), came("u1", "03-01T10:20", "ad")
    )

    assert credit(await ask(insights)) == [("mail", 1, 1, 1, 1, 1)]


async def test_values_of_one_instant_go_by_the_name_of_the_event(insights):
    at = "03-01T10:00"
    await insights.happened(
        did("u1", "b", at, properties={"from": "later"}),
        did("u1", "a", at, properties={"from": "sooner"}),
        paid("u1", "03-01T10:01"),
    )

    assert credit(await ask(insights, by="properties.from")) == [("sooner", 1, 1, 1, 1, 1)]


async def test_only_conversions_of_the_range_count_and_only_its_sessions(insights):
    """`from` and `to` are instants: a payment at `from` counts, one at `to` does not; visits before `from` have credit only."""
    await insights.happened(
        came("u1", "03-01T09:00", "ad"),
        paid("u1", "03-01T10:00"),
        came("u1", "03-01T11:00", "mail"),
        paid("u1", "03-01T12:00"),
    )

    found = await ask(insights, **{"from": "2026-03-01T10:00:00Z", "to": "2026-03-01T12:00:00Z"})

    # the payment at 10:00 is a session of its own, an hour after the ad, without a value
    assert credit(found) == [("ad", 0, 0, 1, 1, 1), ("$none", 1, 1, 0, 0, 0), ("mail", 1, 1, 0, 0, 0)]


async def test_merged_people_have_their_visits_before_the_login(insights):
    await insights.happened(came("~a1", "03-01T10:00", "广告"), paid("u1", "03-02T10:00"))
    assert credit(await ask(insights)) == [("$none", 1, 1, 1, 1, 1), ("广告", 1, 1, 0, 0, 0)]

    await insights.happened(identified("u1", "03-09T10:00", was="~a1"))

    found = await ask(insights)
    assert credit(found) == [("广告", 1, 1, 1, 1, 1), ("$none", 1, 1, 0, 0, 0)]
    assert found["total"]["people"] == 1


async def test_bots_and_what_where_removes_are_not_there(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(
        came("b1", "03-01T10:00", "ad", **bot),
        paid("b1", "03-01T10:01", **bot),
        came("u1", "03-01T10:00", "mail"),
        paid("u1", "03-01T10:01", 5),
        paid("u1", "03-01T10:02", 50),
    )

    assert credit(await ask(insights)) == [("mail", 1, 1, 2, 2, 2)]
    assert len((await ask(insights, include_filtered=True))["rows"]) == 2
    dear = {"event": "paid", "where": [{"field": "properties.amount", "op": "ge", "value": 50}]}
    assert credit(await ask(insights, conversion=dear)) == [("mail", 1, 1, 1, 1, 1)]
    assert (await ask(insights, where=[{"field": "utm_source", "op": "eq", "value": "ad"}]))["rows"] == []


async def test_others_are_one_row_in_which_a_person_counts_once(insights):
    """u1 comes by a, b, c and pays: a third each. Of one rank the text decides: a is shown, b and c are together 2/3."""
    await insights.happened(
        *(came("u1", f"03-0{day}T10:00", source) for day, source in enumerate("abc", start=1)),
        paid("u1", "03-03T10:01"),
    )

    found = await ask(insights, limit=1)

    assert credit(found) == [("a", 1, 1, 1, 0, round(1 / 3, 9)), ("$other", 2, 1, 0, 1, round(2 / 3, 9))]
    assert found["total"] == {"conversions": 1, "revenue": None, "people": 1}


async def test_ranks_go_by_linear_credit_then_sessions_then_text(insights):
    await insights.happened(
        came("u1", "03-01T10:00", "z"),
        paid("u1", "03-01T10:01"),
        *(came("u2", f"03-0{day}T10:00", "y") for day in (1, 2)),
        came("u3", "03-01T10:00", "b"),
        came("u4", "03-01T10:00", "Ä"),
    )

    assert [row["value"] for row in (await ask(insights))["rows"]] == ["z", "y", "b", "Ä"]


async def test_by_what_is_known_of_the_person(insights):
    await insights.happened(identified("u1", "03-01T09:00", plan="企业"), paid("u1", "03-01T10:00"))

    assert credit(await ask(insights, by="person.plan")) == [("企业", 1, 1, 1, 1, 1)]


async def test_nothing_happened_and_another_workspace_sees_nothing(insights):
    nothing = {"rows": [], "total": {"conversions": 0, "revenue": 0, "people": 0}}
    assert await ask(insights, revenue="properties.amount") == nothing

    await insights.happened(came("u1", "03-01T10:00", "ad"), paid("u1", "03-01T10:01", 5))
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert await ask(insights, revenue="properties.amount") == nothing


async def test_as_csv(insights):
    await insights.happened(came("u1", "03-01T10:00", "=1+1"), paid("u1", "03-01T10:01", 2.5))

    query = MARCH | {"conversion": PAID, "by": "utm_source", "revenue": "properties.amount"}
    table = await insights.csv("attribution", **query)

    assert table.text.splitlines() == [
        "value,sessions,people,first_conversions,first_revenue,last_conversions,last_revenue,linear_conversions,linear_revenue",
        "'=1+1,1,1,1,2.5,1,2.5,1,2.5",
    ]


SENSELESS = [
    ({"conversion": None}, "/conversion"),
    ({"by": "colour"}, "/by"),
    ({"lookback": "P366D"}, "/lookback"),
    ({"lookback": "PT0S"}, "/lookback"),
    ({"lookback": "soon"}, "/lookback"),
    ({"revenue": "utm_source"}, "/revenue"),
    ({"revenue": "person.paid"}, "/revenue"),
    ({"limit": 0}, "/limit"),
    ({"limit": 101}, "/limit"),
    ({"from": "2026-04-02"}, "/to"),
    ({"breakdown": {}}, "/breakdown"),
]


async def test_what_cannot_be_meant(insights, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await insights.refused("attribution", **MARCH | {"conversion": PAID} | wrong))[0][0] == pointer


@pytest.mark.parametrize("day", ["1900-01-01", "2200-12-30"])
async def test_at_the_ends_of_the_calendar_nothing_happened(insights, day):
    assert (await ask(insights, **{"from": day, "to": day}))["rows"] == []


async def test_money_beyond_all_numbers_is_null(insights):
    await insights.happened(came("u1", "03-01T10:00", "ad"), *(paid("u1", f"03-01T10:0{n}", 1.7e308) for n in range(3)))

    found = await ask(insights, revenue="properties.amount")

    assert found["total"] == {"conversions": 3, "revenue": None, "people": 1}
