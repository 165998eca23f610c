"""A growth analyst's scenarios over HTTP, each with its numbers worked by hand. Which is shown where:

| scenario | shown by |
|---|---|
| 1 unmodified clients, told 429 and 503, each message once | `tests/clients/test_python_clients.py`; `test_page_clients.py` |
| 2 one batch five times, two processes, a kill | `tests/clients/test_python_clients.py`; by any id: `test_a_batch_sent_five_times…` here |
| 3 late, shuffled, a clock that is ahead | `test_late_and_shuffled…` here |
| 4 random small worlds against a reference | `tests/insights/test_product.py` |
| 5 sign-up, activate, pay by source | `test_the_way_from_sign_up_to_payment…` here; keeping those who dropped as a cohort: not yet |
| 6 weekly retention, zones, a change of the clock | `test_weeks_of_shanghai…`, `test_the_week_of_an_hour_more…` here |
| 7 the identities of a lifecycle | `test_the_parts_of_a_lifecycle…` here |
| 8–10 KPIs of insights, no data, anomalies | not yet; KPIs of events: `services/metrics/tests/test_monitors_*.py` |
| 11 ten million events, twelve tiles, bad queries | `tests/insights/test_scenarios_load.py`, `python -m bench capture` and `insights` |
| 12 erasure, robots apart | `tests/insights/test_scenarios_people.py`; exports, cohorts and the weekly report: not yet |
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from random import Random
from typing import Any
from urllib.parse import quote

import pytest

from tests.insights.by_hand.worked import funnel, step, table
from tests.insights.compare import differences
from tests.insights.product import Product
from tests.insights.questions import question
from tests.insights.segment import Json
from tests.insights.worlds import world

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.xdist_group("insights")]


def at(when: str) -> datetime:
    """Return a time of 2026 in UTC: `03-01T10:00`."""
    return datetime.fromisoformat(f"2026-{when}").replace(tzinfo=UTC)


def did(who: str, event: str, when: datetime, *, source: str | None = None) -> Json:
    """Return a track message of a page that was reached by a campaign's `source`."""
    page = "https://shop.example/" + (f"?utm_source={quote(source)}" if source else "")
    return {
        "type": "track",
        "messageId": f"{who} {event} {when.isoformat()}",
        "timestamp": when.isoformat(),
        "userId": who,
        "event": event,
        "properties": {},
        "context": {"page": {"url": page}},
    }


VENDORS = {
    "messageId": ("/v1/batch", lambda ids: {"batch": [did(id, "Paid", at("03-01T10:00")) for id in ids]}),
    "uuid": (
        "/batch/",
        lambda ids: {"batch": [{"event": "Paid", "distinct_id": id, "uuid": id, "properties": {}} for id in ids]},
    ),
    "$insert_id": (
        "/track",
        lambda ids: [{"event": "Paid", "properties": {"distinct_id": id, "$insert_id": id}} for id in ids],
    ),
    "insert_id": (
        "/2/httpapi",
        lambda ids: {"events": [{"event_type": "Paid", "user_id": id, "insert_id": id} for id in ids]},
    ),
}
KEYS = {"uuid": "api_key", "insert_id": "api_key"}


@pytest.mark.parametrize("name", VENDORS)
async def test_a_batch_sent_five_times_by_two_at_once_counts_once_at_once(product: Product, name: str) -> None:
    """Ten events; after the first answer, after all ten (five times two): 10 events of 10 people."""
    workspace, now = f"again-{name.strip('$').replace('_', '-')}".lower(), at("03-01T12:00")
    path, body_of = VENDORS[name]
    body = body_of([f"0198c000-0000-7000-8000-00000000000{number}" for number in range(10)])
    key = (await product.key_of(workspace))["Authorization"].removeprefix("Bearer ")
    if name in KEYS:
        body[KEYS[name]] = key
    elif isinstance(body, list):
        for row in body:
            row["properties"]["token"] = key
    day = {"from": "2026-03-01", "to": "2026-03-01", "time_zone": "UTC"}
    query = {**day, "series": [{"event": "Paid", "aggregate": each} for each in ("count", "users")]}

    async def totals() -> list[int]:
        return [series["total"] for series in (await product.ask(workspace, "trends", query, now=now))["series"]]

    await product.call(workspace, "POST", path, json=body, now=now)
    assert await totals() == [10, 10]
    for _ in range(2):
        await asyncio.gather(*(product.call(workspace, "POST", path, json=body) for _ in "ab"))
        assert await totals() == [10, 10]


async def ask_all(product: Product, workspace: str, queries: dict[str, Json], *, now: datetime) -> dict[str, Any]:
    return {name: await product.ask(workspace, name, query, now=now) for name, query in queries.items()}


async def test_late_and_shuffled_and_from_a_clock_that_is_ahead_is_as_if_in_order(product: Product) -> None:
    """p0 … p5 sign up at 22:30 on 1, 11, 21 April, 1, 11, 21 May; even ones activate 2 h later, which is the next day; p0 and p4 pay
    7 days later to the minute; all open 7 days and 30 min later. `ahead` signs up on 1 April at 22:00 by a clock that says 01:00 of
    the 2nd, and its server activates it at 22:10.

    DAU: 1 April p0 and ahead; one a day on 2 (p0), 8, 11, 18, 21, 22, 28 April, 1, 8, 11, 12, 18, 21, 28 May: 15 days with somebody.
    Funnel of 7 days: 7 sign up; p0, p2, p4, ahead activate; p0 and p4 pay.
    Weeks from Monday, back a week later: 30 March p0, ahead (p0 opens); 6 April p1; 20 April p2; 27 April p3; 11 May p4; 18 May p5.
    On 31 May, a Sunday, the week after p5's is not over: the mean of column 1 is 5 of 6 (one of two, and four of four).
    """
    now = at("05-31T00:00")
    starts = [at("04-01T22:30") + timedelta(days=10 * number) for number in range(6)]
    messages = []
    for number, start in enumerate(starts):
        who = f"p{number}"
        messages.append(did(who, "Signed Up", start))
        messages += [did(who, "Activated", start + timedelta(hours=2))] if number % 2 == 0 else []
        messages += [did(who, "Paid", start + timedelta(days=7))] if number % 4 == 0 else []
        messages.append(did(who, "Opened", start + timedelta(days=7, minutes=30)))
    messages.append(did("ahead", "Activated", at("04-01T22:10")))
    true = did("ahead", "Signed Up", at("04-01T22:00"))

    in_order = sorted([*messages, true], key=lambda message: message["timestamp"])
    for message in in_order:
        await product.capture("in-order", [message], now=datetime.fromisoformat(message["timestamp"]))
    shuffled = list(messages)
    Random(60).shuffle(shuffled)
    half = len(shuffled) // 2
    await product.capture("late", shuffled[:half], now=now)
    fast = true | {"timestamp": at("04-02T01:00").isoformat()}
    batch = {"batch": [fast], "sentAt": (now + timedelta(hours=3)).isoformat()}
    await product.call("late", "POST", "/v1/batch", json=batch, now=now)
    await product.capture("late", shuffled[half:], now=now)

    days = {"from": "2026-04-01", "to": "2026-05-30", "time_zone": "UTC", "week_start": "monday"}
    queries = {
        "active-users": days,
        "funnel": days | {"steps": [{"event": name} for name in ("Signed Up", "Activated", "Paid")], "window": "P7D"},
        "retention": days
        | {"start": {"event": "Signed Up"}, "return": {"event": "Opened"}, "interval": "week", "periods": 2},
    }
    found = await ask_all(product, "late", queries, now=now)
    active = dict(zip(found["active-users"]["intervals"], found["active-users"]["dau"], strict=True))
    assert {day[5:10]: people for day, people in active.items() if people} == {
        **{f"04-{day}": 1 for day in ("02", "08", "11", "18", "21", "22", "28")},
        **{f"05-{day}": 1 for day in ("01", "08", "11", "12", "18", "21", "28")},
        "04-01": 2,
    }
    assert [each["count"] for each in found["funnel"]["steps"]] == [7, 4, 2]
    rows = table(found["retention"])
    assert {week: row for week, row in rows.items() if row[0]} == {
        "03-30": [2, 1],
        **{week: [1, 1] for week in ("04-06", "04-20", "04-27", "05-11", "05-18")},
        "average": [1, 0.833],
    }
    assert found == await ask_all(product, "in-order", queries, now=now)


ADS, WECHAT = "ads", "微信"
MARCH = {"time_zone": "UTC", "from": "2026-03-01", "to": "2026-03-07"}
PAYMENT = MARCH | {
    "steps": [{"event": "Signed Up"}, {"event": "Activated"}, {"event": "Paid", "label": "付款"}],
    "window": "P7D",
    "mode": "entry",
    "exclusions": [{"event": "Refunded", "from": 0, "to": 2}],
    "breakdown": {"field": "utm_source"},
}
CUSTOMERS: Sequence[tuple[str, str | None, str, dict[str, timedelta]]] = (
    ("a1", ADS, "01T10:00", {"Activated": timedelta(minutes=10), "Paid": timedelta(minutes=60)}),
    ("a2", ADS, "01T10:00", {"Activated": timedelta(minutes=30)}),
    ("a3", ADS, "06T10:00", {}),
    ("m1", WECHAT, "02T10:00", {"Activated": timedelta(minutes=20), "Paid": timedelta(days=7)}),
    ("m2", WECHAT, "02T10:00", {}),
    (
        *("m3", WECHAT, "03T10:00"),
        {name: timedelta(minutes=10 * n) for n, name in enumerate(("Activated", "Refunded", "Paid"), start=1)},
    ),
    ("m4", WECHAT, "05T10:00", {"Activated": timedelta(minutes=30)}),
    ("n1", None, "07T23:50", {"Activated": timedelta(minutes=40)}),
    ("early", ADS, "01T00:00", {}),
)


async def test_the_way_from_sign_up_to_payment_by_where_people_came_from(product: Product) -> None:
    """Seven days, entry from 1 to 7 March, asked on the 10th at noon; `early` signed up a minute before the range: not there.

    Signed up: a1 a2 a3, m1 m2 m4, n1 = 7 (m3 had a refund before the payment: in no step). Activated after 600 (a1), 1,800 (a2),
    1,200 (m1), 1,800 (m4), 2,400 s (n1, on the 8th) = 5: mean 7,800/5 = 1,560, median 1,800; a3 has until the 13th, m2 dropped.
    Paid: a1 (3,000 s later), m1 (on the 9th, 7 days to the second: 604,800 − 1,200 = 603,600 s) = 2: mean and median 303,300;
    m4 (until the 12th) and n1 (until the 14th) may still, a2 dropped. In all 3,600 and 604,800 s: mean 304,200, ⌈∛2⌉ = 2 bins
    of (604,800 − 3,600)/2 = 300,600 and one more.
    """
    now, messages = at("03-10T12:00"), []
    for who, source, when, later in CUSTOMERS:
        start = at(f"03-{when}") - (timedelta(minutes=1) if who == "early" else timedelta())
        messages.append(did(who, "Signed Up", start, source=source))
        messages += [did(who, event, start + after) for event, after in later.items()]
    await product.capture("payment", messages, now=now)

    found = await product.ask("payment", "funnel", PAYMENT, now=now)

    steps = [
        step("Signed Up", 7, 1, 1, 0),
        step("Activated", 5, 5 / 7, 5 / 7, 1, 1_560, 1_800, waiting=1),
        step("付款", 2, 2 / 7, 2 / 5, 1, 303_300, 303_300, waiting=2),
    ]
    bins = ((3_600, 304_200, 1), (304_200, 604_800, 0), (604_800, 905_400, 1))
    whole = funnel(steps, 304_200, 304_200, *bins)
    del whole["breakdown"]
    assert list(differences(found, whole)) == []
    assert [
        (part["value"], [(each["count"], each["dropped"], each["in_progress"]) for each in part["steps"]])
        for part in found["breakdown"]
    ] == [
        (ADS, [(3, 0, 0), (2, 0, 1), (1, 1, 0)]),
        (WECHAT, [(3, 0, 0), (2, 1, 0), (1, 0, 1)]),
        ("$none", [(1, 0, 0), (1, 0, 0), (0, 0, 1)]),
    ]

    answer = await product.call("payment", "POST", "/v1/insights/funnel", json=PAYMENT, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [(row["value"], row["label"], row["count"], row["in_progress"]) for row in rows][1:6] == [
        ("", "Activated", "5", "1"),
        ("", "付款", "2", "2"),
        (ADS, "Signed Up", "3", "0"),
        (ADS, "Activated", "2", "1"),
        (ADS, "付款", "1", "0"),
    ]
    for number, who in ((1, {"m2"}), (2, {"a2"})):
        body = {"query": {key: PAYMENT[key] for key in PAYMENT if key != "breakdown"}, "step": number, "dropped": True}
        people = (await product.call("payment", "POST", "/v1/insights/funnel/persons", json=body)).json()["items"]
        assert {each["distinct_id"] for each in people} == who


async def complete(
    product: Product, workspace: str, query: Json, *, now: datetime
) -> tuple[Any, dict[str, list[bool]]]:
    """Return a retention as a table, and which of its columns are over."""
    found = await product.ask(workspace, "retention", query, now=now)
    over = {row["start"]: [cell["is_complete"] for cell in row["values"]] for row in found["cohorts"]}
    return table(found), over


async def test_weeks_of_shanghai_for_the_first_time_then_or_later(product: Product) -> None:
    """Weeks from Monday, 2 March, midnight in Shanghai: 16:00 UTC of Sunday. Asked on Wednesday the 25th.

    p1 signed up in February already: in no row. p2: Sunday 16:30 UTC is Monday 00:30: row of the 2nd; opens in weeks 1 and 2.
    p3: Sunday the 8th 15:30 UTC is still that Sunday: same row; opens an hour later, in week 1, and on the 24th, week 3.
    p4: the 10th; opens on the 23rd, week 2. p5: the 24th. Over by now: what ends by the 23rd. Means over what is over: 3/3, 2/3
    (p2, p3 of three), 1/2 (row of the 2nd alone), none. Then or later: 3/3, 3/3, 2/2, none.
    """
    now, messages = at("03-25T04:00"), []
    for who, event, when in (
        *(("p1", "Signed Up", "02-20T10:00"), ("p1", "Signed Up", "03-03T10:00"), ("p1", "Opened", "03-10T10:00")),
        *(("p2", "Signed Up", "03-01T16:30"), ("p2", "Opened", "03-09T10:00"), ("p2", "Opened", "03-17T10:00")),
        *(("p3", "Signed Up", "03-08T15:30"), ("p3", "Opened", "03-08T16:30"), ("p3", "Opened", "03-24T02:00")),
        *(("p4", "Signed Up", "03-10T10:00"), ("p4", "Opened", "03-23T10:00"), ("p5", "Signed Up", "03-24T02:00")),
    ):
        messages.append(did(who, event, at(when)))
    await product.capture("weeks", messages, now=now)
    query = {
        "from": "2026-03-02",
        "to": "2026-03-25",
        "time_zone": "Asia/Shanghai",
        "week_start": "monday",
        "interval": "week",
        "start": {"event": "Signed Up"},
        "return": {"event": "Opened"},
        "periods": 4,
        "mode": "first_time",
    }

    exactly, over = await complete(product, "weeks", query, now=now)
    rolling, same = await complete(product, "weeks", query | {"rolling": True}, now=now)

    empty = {"03-15": [0, 0, 0, 0], "03-22": [1, 0, 0, 0]}
    assert exactly == {"03-01": [2, 2, 1, 1], "03-08": [1, 0, 1, 0], **empty, "average": [1, 0.667, 0.5, None]}
    assert rolling == {"03-01": [2, 2, 2, 1], "03-08": [1, 1, 1, 0], **empty, "average": [1, 1, 1, None]}
    assert over == same
    assert over == {
        f"2026-03-{day}T16:00:00Z": [number < ended for number in range(4)]
        for day, ended in (("01", 3), ("08", 2), ("15", 1), ("22", 0))
    }


async def test_the_week_of_an_hour_more_in_the_pacifics_autumn(product: Product) -> None:
    """Sunday, 1 November 2026, has 25 hours: the week from 26 October begins at 07:00 UTC, the next at 08:00.

    p1 signs up on the 2nd at 07:30 UTC, Sunday 23:30 there, and opens at 08:10, Monday: column 1. p2 signs up at 08:00 UTC
    to the second: row of the 2nd; opens on the 9th at 07:59 UTC, Sunday: column 0 still, not 1.
    """
    now = at("12-01T00:00")
    messages = [
        did("p1", "Signed Up", at("11-02T07:30")),
        did("p1", "Opened", at("11-02T08:10")),
        did("p2", "Signed Up", at("11-02T08:00")),
        did("p2", "Opened", at("11-09T07:59")),
    ]
    await product.capture("autumn", messages, now=now)
    query = {
        "from": "2026-10-26",
        "to": "2026-11-08",
        "time_zone": "US/Pacific",
        "week_start": "monday",
        "interval": "week",
        "start": {"event": "Signed Up"},
        "return": {"event": "Opened"},
        "periods": 2,
        "mode": "first_time",
    }

    rows, over = await complete(product, "autumn", query, now=now)

    assert rows == {"10-26": [1, 1], "11-02": [1, 0], "average": [1, 0.5]}
    assert list(over) == ["2026-10-26T07:00:00Z", "2026-11-02T08:00:00Z"]


@pytest.mark.parametrize("seed", range(9_000, 9_012))
async def test_the_parts_of_a_lifecycle_are_everybody_who_was_active(product: Product, seed: int) -> None:
    """In each interval of a random world: new + returning + resurrecting = active, −dormant = active before − returning."""
    made = world(seed)
    await product.capture(f"parts-{seed}", made.messages, now=made.now)
    query = question("lifecycle", made, Random(seed)) | {
        "from": made.first_day.isoformat(),
        "to": (made.first_day + timedelta(days=made.days - 1)).isoformat(),
        "interval": "day",
    }
    filter = {name: query.pop(name) for name in ("event", "where") if name in query}
    users = query | {"series": [filter | {"aggregate": "users"}]}

    parts = await product.ask(f"parts-{seed}", "lifecycle", query | filter, now=made.now)
    active = (await product.ask(f"parts-{seed}", "trends", users, now=made.now))["series"][0]["values"]

    sums = zip(parts["new"], parts["returning"], parts["resurrecting"], strict=True)
    assert [sum(each) for each in sums] == active
    gone = [before - returning for before, returning in zip(active, parts["returning"][1:], strict=False)]
    assert [-count for count in parts["dormant"][1:]] == gone
    assert sum(active) > 0 or filter.get("event") is not None or "where" in filter
