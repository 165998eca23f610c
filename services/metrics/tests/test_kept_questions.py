"""Each insight as those see it who keep a question: asked by hand, kept and run, as a table and as a picture, it says the same."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from opsloop_metrics.active_users.routes import INSIGHT as ACTIVE_USERS
from opsloop_metrics.app import INSIGHTS
from opsloop_metrics.attributions.routes import INSIGHT as ATTRIBUTION
from opsloop_metrics.breakdowns.routes import INSIGHT as BREAKDOWN
from opsloop_metrics.churns.routes import INSIGHT as CHURN
from opsloop_metrics.experiences.routes import INSIGHT as EXPERIENCE
from opsloop_metrics.funnels.routes import INSIGHT as FUNNEL
from opsloop_metrics.lifecycles.routes import INSIGHT as LIFECYCLE
from opsloop_metrics.next_bests.routes import INSIGHT as NEXT_BEST
from opsloop_metrics.paths.routes import INSIGHT as PATHS
from opsloop_metrics.retentions.routes import INSIGHT as RETENTION
from opsloop_metrics.revenues.routes import INSIGHT as REVENUE
from opsloop_metrics.sessions.routes import INSIGHT as SESSIONS
from opsloop_metrics.stickiness.routes import INSIGHT as STICKINESS
from opsloop_metrics.trends.routes import INSIGHT as TRENDS
from opsloop_metrics.usages.routes import INSIGHT as USAGE
from services.metrics.tests.analyst import BOT, did, is_known

SVG = "{http://www.w3.org/2000/svg}"
MARCH = {"from": "2026-03-01", "to": "2026-03-04", "time_zone": "UTC", "week_start": "monday"}
DAYS = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z"]


def page(who, when, path):
    return did(who, "", when, {"url": f"https://shop.example{path}"}, type="page")


# a: comes as a visitor on the 1st, signs up and pays on the 2nd, is back on the 4th. b: signs up on the 1st, pays on the 4th.
# c: only looks, on the 3rd. A robot looks as well, and counts nowhere.
WORLD = (
    did("", "view", "01T09:00", userId=None, anonymousId="visitor-a"),
    is_known("a", "02T10:00", anonymous="visitor-a", plan="pro"),
    did("a", "signup", "02T10:01"),
    did("a", "pay", "02T10:11", {"amount": 20}),
    did("a", "view", "04T08:00"),
    did("b", "signup", "01T12:00"),
    did("b", "pay", "04T12:00", {"amount": 30}),
    page("c", "03T07:00", "/"),
    page("c", "03T07:05", "/价格"),
    did("c", "$rageclick", "03T07:06", {"url": "https://shop.example/价格"}),
    did("robot", "view", "03T07:00", **BOT),
)
ASKED = {
    # 1 + 1 on the 1st, a on the 2nd, c on the 3rd, both on the 4th
    "active-users": (MARCH, lambda found: (found["intervals"], found["dau"]), (DAYS, [2, 1, 1, 2])),
    "trends": (
        MARCH | {"series": [{"event": "pay", "aggregate": "sum", "property": "properties.amount"}]},
        lambda found: (found["series"][0]["values"], found["series"][0]["total"]),
        ([0, 20, 0, 30], 50),
    ),
    # both sign up; a pays after 10 minutes, b after three days
    "funnel": (
        MARCH | {"steps": [{"event": "signup"}, {"event": "pay"}], "window": "P7D"},
        lambda found: [(row["count"], row["median_seconds"]) for row in found["steps"]],
        [(2, None), (2, (600 + 3 * 86_400) / 2)],
    ),
    # b begins on the 1st and comes back three days later; a on the 2nd, and two days later
    "retention": (
        MARCH | {"start": {"event": "signup"}, "return": {"event": None}, "interval": "day", "periods": 3},
        lambda found: [[cell["count"] for cell in row["values"]] for row in found["cohorts"]][:2],
        [[1, 0, 0, 1][:3], [1, 0, 1]],
    ),
    # the 1st: a and b are new. The 2nd: a stays, b is away. The 3rd: c is new, a away. The 4th: a and b are back, c away
    "lifecycle": (
        MARCH,
        lambda found: [found[name] for name in ("new", "returning", "resurrecting", "dormant")],
        [[2, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 2], [0, -1, -1, -1]],
    ),
    # c on one day, b on two, a on three
    "stickiness": (MARCH, lambda found: found["people"], [1, 1, 1, 0]),
    "paths": (
        MARCH | {"field": "path"},
        lambda found: [(edge["source"], edge["target"], edge["count"]) for edge in found["edges"]],
        [("1_/", "2_/价格", 1)],
    ),
    # a has three sessions, b two, c one
    "sessions": (MARCH, lambda found: found["sessions"], [2, 1, 1, 2]),
    # of three people c was at the prices, and clicked in anger
    "experience": (
        MARCH,
        lambda found: [(page["page"], page["score"], page["share"]) for page in found["friction"]],
        [("/价格", 1 / 3, 1.0)],
    ),
    # a's visits begin with a view and a sign-up, b's with a sign-up and the payment: half of a payment each
    "attribution": (
        MARCH | {"conversion": {"event": "pay"}, "by": "event"},
        lambda found: [(row["value"], row["sessions"], row["linear"]["conversions"]) for row in found["rows"]],
        [("signup", 2, 1), ("view", 2, 0.5), ("pay", 1, 0.5), ("$pageview", 1, 0)],
    ),
    "breakdown": (
        MARCH | {"by": ["event"]},
        lambda found: [(row["values"], row["people"]) for row in found["rows"]],
        [(["pay"], 2), (["signup"], 2), (["$pageview"], 1), (["view"], 1), (["$rageclick"], 1)],
    ),
    # of three people two pay, sign up; one views (so does the robot, who is not there); c saw pages
    "usage": (
        MARCH | {"features": [{"event": "pay"}, {"event": "view"}]},
        lambda found: ([(row["label"], row["people"]) for row in found["features"]], found["breadth"]),
        ([("pay", 2), ("view", 1)], [1, 1, 1]),
    ),
    # asked in June: none of the three was there in the day after; the two amounts are what two of them answered
    "churn": (
        MARCH | {"inactive_for": "P1D", "answers": [{"event": "pay", "field": "properties.amount"}], "min_people": 1},
        lambda found: (found["left"], found["stayed"], [(row["value"], row["left"]) for row in found["rows"]]),
        (3, 0, [("20", 1), ("30", 1)]),
    ),
    # a and b both sign up and pay: 2 / sqrt(2 * 2)
    "next-best": (
        MARCH | {"min_people": 2},
        lambda found: [(row["item"], row["goes_with"], row["score"]) for row in found["rows"]],
        [("signup", "pay", 1.0)],
    ),
    # what a paid, told as an order
    "revenue": (MARCH | {"currency": "CNY"}, lambda found: found["gross"], [0, 2000, 0, 0]),
}


def test_all_that_can_be_asked_can_be_kept():
    rooms = (TRENDS, ACTIVE_USERS, FUNNEL, RETENTION, LIFECYCLE, STICKINESS, PATHS, SESSIONS, EXPERIENCE)
    rooms += (ATTRIBUTION, BREAKDOWN, USAGE, CHURN, NEXT_BEST, REVENUE)

    assert set(ASKED) == set(INSIGHTS)
    assert [insight.schema for insight in INSIGHTS.values()] == [insight.schema for insight in rooms]


@pytest.fixture
async def told(world_with_store):
    world_with_store.api.clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    key = world_with_store.headers["Authorization"].removeprefix("Bearer ")
    answer = await world_with_store.send("POST", "/v1/batch", json={"batch": list(WORLD), "writeKey": key})
    assert answer.json() == {"success": True}
    total = {"amount": 2000, "currency": "CNY"}
    await world_with_store.post(
        "/v1/orders", {"order_id": "1", "user_id": "a", "total": total, "ordered_at": "2026-03-02T10:11:00Z"}
    )
    return world_with_store


async def test_kept_and_run_it_says_the_same(told, subtests):
    for kind in ASKED:
        with subtests.test(kind=kind):
            query, seen, expected = ASKED[kind]
            asked = await told.post(f"/v1/insights/{kind}", query, expect=200)
            assert seen(asked) == expected

            kept = await told.post("/v1/insights", {"name": "每周看的", "kind": kind, "query": query})
            ran = await told.post(f"/v1/insights/{kept['id']}/run", None, expect=200)

            assert seen(ran.get("answer", ran)) == expected


async def test_its_table_is_the_same_by_both_ways(told, subtests):
    for kind in ASKED:
        with subtests.test(kind=kind):
            query, _, _ = ASKED[kind]
            kept = await told.post("/v1/insights", {"name": "table", "kind": kind, "query": query})
            asked = await told.send(
                "POST", f"/v1/insights/{kind}", json=query, headers=told.headers | {"Accept": "text/csv"}
            )
            shown = await told.send("GET", f"/v1/insights/{kept['id']}.csv")

            assert (asked.status_code, shown.status_code) == (200, 200)
            rows = list(csv.reader(io.StringIO(asked.text)))
            assert list(csv.reader(io.StringIO(shown.text))) == rows
            assert len(rows) > 1


async def test_its_picture_has_a_title_and_a_description(told, subtests):
    for locale in ["en", "zh-CN"]:
        for kind in ASKED:
            with subtests.test(locale=locale, kind=kind):
                kept = await told.post("/v1/insights", {"name": "付款 <b>&", "kind": kind, "query": ASKED[kind][0]})

                answer = await told.send("GET", f"/v1/insights/{kept['id']}.svg", params={"locale": locale})

                picture = ElementTree.fromstring(answer.text)  # noqa: S314 we wrote it
                assert (answer.status_code, picture.tag, picture.get("role")) == (200, f"{SVG}svg", "img")
                assert picture.findtext(f"{SVG}title") == "付款 <b>&"
                last = {"en": "Mar 4, 2026", "zh-CN": "2026年3月4日"}[locale]
                assert last in re.split(r" · |[.。] ?", picture.findtext(f"{SVG}desc"))[0], (
                    "the last day that is asked for"
                )
                assert f"{kept['id']}.csv" in answer.headers["link"]


async def test_another_workspace_has_other_answers(told, subtests):
    for kind in ASKED:
        with subtests.test(kind=kind):
            query, seen, expected = ASKED[kind]
            theirs = await told.api.key("metrics:read", workspace="other")

            answer = await told.send("POST", f"/v1/insights/{kind}", json=query, headers=theirs)

            assert answer.status_code == 200
            assert seen(answer.json()) != expected
