"""Revenue through the door, with numbers worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_metrics.app import SERVICE
from opsloop_metrics.orders.consumers import ERASURES
from opsloop_metrics.revenues.rules import NUMBERS, SOMETIMES
from opsloop_metrics.revenues.schemas import RevenueOut
from services.metrics.tests.asked import Insights, did, identified, many
from services.metrics.tests.shop import Shop

DAYS = {"from": "2026-03-01", "to": "2026-03-03"}
QUARTER = {"from": "2026-01-01", "to": "2026-03-31", "interval": "month"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


@pytest.fixture
def shop(insights):
    return Shop(insights.world)


async def test_three_days_of_a_shop(insights, shop):
    """Day 1: 1000 + 500 by two of four active. Day 2: 300 back. Day 3: 700 by one who had bought, of two.

    Net 1500, −300, 700: in all 1900 of three orders by two buyers, gross 2200 / 3; of four active 1900 / 4, of two buyers 1900 / 2.
    """
    for who in ("u1", "u2", "u3", "u4"):
        await insights.happened(*many(who, "A", ["03-01T08:00", "03-01T09:00"]))
    await insights.happened(did("u1", "A", "03-03T09:00"), did("u2", "A", "03-03T09:00"))
    await shop.order("o1", 1000, "03-01T10:00", user_id="u1")
    await shop.order("o2", 500, "03-01T23:59", user_id="u2")
    await shop.order("o3", 700, "03-03T00:00", user_id="u1", kind="renewal")
    await shop.refund("o1", "r1", 300, "03-02T10:00")

    found = await insights.ask("revenue", **DAYS)

    assert (found["currency"], found["currency_digits"], found["incomplete_from"]) == ("CNY", 2, None)
    assert found["intervals"] == [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)]
    columns = {
        "gross": [1500, 0, 700],
        "refunds": [0, 300, 0],
        "net": [1500, -300, 700],
        "orders": [2, 0, 1],
        "buyers": [2, 0, 1],
        "new_buyers": [2, 0, 0],
        "active": [4, 0, 2],
        "average_order": [750, None, 700],
        "arpu": [375, None, 350],
        "arppu": [750, None, 700],
        "downloads": None,
        "signups": None,
        "download_conversion": None,
    }
    assert {name: found[name] for name in columns} == columns
    assert found["totals"] == {
        "gross": 2200,
        "refunds": 300,
        "net": 1900,
        "orders": 3,
        "buyers": 2,
        "new_buyers": 2,
        "active": 4,
        "average_order": 2200 / 3,
        "arpu": 475,
        "arppu": 950,
        "downloads": None,
        "signups": None,
        "download_conversion": None,
    }
    assert found["k_factor"] is None


async def test_lifetime_value_by_month(insights, shop):
    """January: u1 100, u2 300. u1 gives back 50 in February and buys for 200 in March: 400, 350, 550; a head 200, 175, 275.

    March: u3 70. Who bought first in 2025 is in no row.
    """
    await shop.order("o0", 9000, "01-01T00:00", user_id="old", ordered_at="2025-12-31T23:59:59Z")
    await shop.order("o0b", 9000, "01-05T00:00", user_id="old")
    await shop.order("o1", 100, "01-05T10:00", user_id="u1")
    await shop.order("o2", 300, "01-31T10:00", user_id="u2")
    await shop.refund("o1", "r1", 50, "02-10T10:00")
    await shop.order("o3", 200, "03-01T10:00", user_id="u1")
    await shop.order("o4", 70, "03-05T10:00", user_id="u3")

    found = await insights.ask("revenue", **QUARTER)

    assert found["new_buyers"] == [2, 0, 1]
    lifetime = found["lifetime"]
    assert lifetime["interval"] == "month"
    assert [(each["start"], each["size"]) for each in lifetime["cohorts"]] == [
        ("2026-01-01T00:00:00Z", 2),
        ("2026-03-01T00:00:00Z", 1),
    ]
    january, march = (each["values"] for each in lifetime["cohorts"])
    assert [(value["net"], value["net_per_buyer"], value["is_complete"]) for value in january] == [
        (400, 200, True),
        (350, 175, True),
        (550, 275, True),
    ]
    assert [(value["net"], value["net_per_buyer"]) for value in march] == [(70, 70)]


async def test_months_that_are_not_over(insights, shop):
    insights.world.api.clock.set(datetime(2026, 3, 15, tzinfo=UTC))
    await shop.order("o1", 100, "02-05T10:00")

    found = await insights.ask("revenue", **QUARTER)

    assert found["incomplete_from"] == 2
    assert [value["is_complete"] for value in found["lifetime"]["cohorts"][0]["values"]] == [True, False]


async def test_cohorts_by_week(insights, shop):
    """Weeks from Monday 2 March: o1 in the first, 40 more in the second."""
    await shop.order("o1", 100, "03-03T10:00")
    await shop.order("o2", 40, "03-09T00:00")

    found = await insights.ask("revenue", **{"from": "2026-03-02", "to": "2026-03-15"}, cohorts="week")

    [cohort] = found["lifetime"]["cohorts"]
    assert (cohort["start"], [value["net"] for value in cohort["values"]]) == ("2026-03-02T00:00:00Z", [100, 140])


async def test_a_refund_dated_before_its_order_counts_with_it_in_lifetimes(insights, shop):
    await shop.order("o1", 100, "03-02T10:00")
    await shop.refund("o1", "r1", 30, "02-27T00:00")

    found = await insights.ask("revenue", **QUARTER)

    assert found["net"] == [0, -30, 100]
    assert [value["net"] for value in found["lifetime"]["cohorts"][0]["values"]] == [70]


async def test_currencies_are_not_added_up(insights, shop):
    await shop.order("o1", 1000, "03-01T10:00")
    await shop.order("o2", 500, "03-01T11:00", currency="JPY", user_id="u2")

    [(pointer, words)] = await insights.refused("revenue", **DAYS)
    yen = await insights.ask("revenue", **DAYS, currency="JPY")
    none = await insights.ask("revenue", **DAYS, currency="USD")

    assert (pointer, "CNY, JPY" in words) == ("/currency", True)
    assert (yen["currency"], yen["currency_digits"], yen["gross"], yen["new_buyers"]) == (
        "JPY",
        0,
        [500, 0, 0],
        [1, 0, 0],
    )
    assert (none["currency"], none["gross"]) == ("USD", [0, 0, 0])


async def test_merged_people_are_one_buyer(insights, shop):
    """~a1 buys for 100 on the 1st, u1 for 200 on the 2nd: two buyers, until one turns out to be the other; then 300 of one."""
    await insights.happened(did("~a1", "A", "03-01T08:00"), did("u1", "A", "03-02T08:00"))
    await shop.order("o1", 100, "03-01T10:00", user_id="~a1")
    await shop.order("o2", 200, "03-02T10:00", user_id="u1")
    before = await insights.ask("revenue", **DAYS)
    assert (before["totals"]["buyers"], before["new_buyers"], before["totals"]["active"]) == (2, [1, 1, 0], 2)

    await insights.happened(identified("u1", "03-02T09:00", was="~a1"))

    after = await insights.ask("revenue", **DAYS)
    totals = after["totals"]
    assert (totals["buyers"], after["new_buyers"], totals["arppu"], totals["active"]) == (1, [1, 0, 0], 300, 1)
    [cohort] = after["lifetime"]["cohorts"]
    assert (cohort["size"], cohort["values"][0]["net"]) == (1, 300)


async def test_the_money_of_the_erased_stays_and_is_nobodys(insights, shop):
    """1000 by u1 and 500 by u2, then u1 is erased: 1500 gross of two orders, of one buyer."""
    await insights.happened(did("u1", "A", "03-01T08:00"), did("u2", "A", "03-01T08:00"))
    await shop.order("o1", 1000, "03-01T10:00", user_id="u1")
    await shop.order("o2", 500, "03-01T11:00", user_id="u2")
    gone = await insights.world.send("DELETE", "/v1/users/u1")
    assert gone.status_code == 202
    await run_due(insights.world.api.db, SERVICE.due)
    told = [event for event in await insights.world.api.events() if event.type == "user.erased"]
    await deliver(insights.world.api.db, ERASURES, *told)

    found = await insights.ask("revenue", **DAYS)

    assert (found["gross"], found["orders"], found["buyers"], found["active"]) == (
        [1500, 0, 0],
        [2, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
    )
    assert [(each["size"], each["values"][0]["net"]) for each in found["lifetime"]["cohorts"]] == [(1, 500)]


async def test_days_of_the_zone(insights, shop):
    """16:00 UTC is midnight in Shanghai."""
    await shop.order("o1", 100, "03-01T15:59")
    await shop.order("o2", 200, "03-01T16:00")

    found = await insights.ask("revenue", **{"from": "2026-03-01", "to": "2026-03-02"}, time_zone="Asia/Shanghai")

    assert found["gross"] == [100, 200]


async def test_a_day_of_23_hours(insights, shop):
    """Clocks in Berlin go on on 29 March 2026: the day begins at 23:00 UTC and ends at 22:00."""
    await shop.order("o1", 1, "03-28T22:59")
    await shop.order("o2", 10, "03-28T23:00")
    await shop.order("o3", 100, "03-29T21:59")
    await shop.order("o4", 1000, "03-29T22:00")

    found = await insights.ask("revenue", **{"from": "2026-03-28", "to": "2026-03-30"}, time_zone="Europe/Berlin")

    assert found["gross"] == [1, 110, 1000]


async def test_the_k_factor(insights):
    """Four active; u1 invites three times, u2 once; u3 and u4 join, u4 twice: i = 4/2, c = 2/4, k = 4/4 × 2/4."""
    await insights.happened(
        *many("u1", "Invited", ["03-01T10:00", "03-01T11:00", "03-02T10:00"]),
        did("u2", "Invited", "03-01T10:00"),
        did("u3", "Joined", "03-02T10:00", properties={"via": "邀请"}),
        *many("u4", "Joined", ["03-02T10:00", "03-03T10:00"], properties={"via": "邀请"}),
    )

    joined = {"event": "Joined", "where": [{"field": "properties.via", "op": "eq", "value": "邀请"}]}
    found = await insights.ask("revenue", **DAYS, invite={"event": "Invited"}, joined=joined)

    assert found["currency"] is None
    assert found["k_factor"] == {
        "active": 4,
        "inviters": 2,
        "invitations": 4,
        "joined": 2,
        "invitations_per_inviter": 2,
        "invitations_per_active": 1,
        "conversion": 0.5,
        "k": 0.5,
    }


async def test_bots_are_no_active_people(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(did("u1", "A", "03-01T10:00"), did("b1", "A", "03-01T10:00", **bot))

    assert (await insights.ask("revenue", **DAYS))["active"] == [1, 0, 0]
    assert (await insights.ask("revenue", **DAYS, include_filtered=True))["active"] == [2, 0, 0]


async def test_nothing_sold(insights):
    found = await insights.ask("revenue", **DAYS)

    assert (found["gross"], found["arpu"], found["lifetime"]["cohorts"]) == ([0, 0, 0], [None] * 3, [])


async def test_another_workspace_sees_nothing(insights, shop):
    await shop.order("o1")
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert (await insights.ask("revenue", **DAYS))["currency"] is None


async def test_as_csv(insights, shop):
    await shop.order("o1", 1000, "03-01T10:00")

    table = await insights.csv("revenue", **{"from": "2026-03-01", "to": "2026-03-01"})

    assert table.text.splitlines() == [
        "interval,currency,gross,refunds,net,orders,buyers,new_buyers,active,average_order,arpu,arppu",
        "2026-03-01T00:00:00Z,CNY,1000,0,1000,1,1,1,0,1000.0,,1000.0",
    ]


async def test_the_largest_amounts_stay_exact(insights, shop):
    for number in range(3):
        await shop.order(f"o{number}", 10**13, "03-01T10:00", user_id=f"u{number}")
    await shop.order("o9", 1, "03-01T10:00")

    assert (await insights.ask("revenue", **DAYS))["totals"]["gross"] == 30_000_000_000_001


SENSELESS = [
    ({"currency": "RMB"}, "/currency"),
    ({"cohorts": "day"}, "/cohorts"),
    ({"invite": {"event": "Invited"}}, "/joined"),
    ({"joined": {"event": "Joined"}}, "/invite"),
    ({"where": [{"field": "country", "op": "eq", "value": "CN"}]}, "/where"),
    ({"from": "2010-01-01", "interval": "month"}, "/cohorts"),
    ({"from": "2026-03-04"}, "/to"),
    ({"signup": {"evnt": "x"}}, "/signup/evnt"),
]


async def test_what_cannot_be_meant(insights, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await insights.refused("revenue", **DAYS | wrong))[0][0] == pointer


async def test_kept_it_has_a_picture(insights, shop):
    await shop.order("o1", 1000, "03-01T10:00")
    kept = await insights.world.post("/v1/insights", {"name": "收入", "kind": "revenue", "query": DAYS})

    svg = await insights.world.send("GET", f"/v1/insights/{kept['id']}.svg", headers=insights.world.headers)

    assert svg.status_code == 200, svg.text
    assert ("收入" in svg.text, "CNY" in svg.text) == (True, True)


async def test_who_may_only_write_asks_nothing(insights):
    insights.world.headers = await insights.world.api.key("metrics:write")

    await insights.world.post("/v1/insights/revenue", DAYS, 403)


async def test_names_of_an_answer_are_in_its_contract(insights):
    found = await insights.ask("revenue", **DAYS)

    assert set(found) == set(RevenueOut.model_fields)
    assert set(found["totals"]) == {*NUMBERS, *SOMETIMES}
