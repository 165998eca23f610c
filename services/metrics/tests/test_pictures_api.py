"""Pictures of KPIs and objectives through the door."""

from csv import DictReader
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin
from uuid import uuid4

import pytest

from services.metrics.tests.goals import Goals
from services.metrics.tests.pictures import described, of_class, shown, words

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
SEVERE = COUNT | {"aggregate": "share", "where": [{"field": "data.severity", "op": "eq", "value": "s1"}]}
LOW = {"type": "threshold", "operator": "lt", "value": 3}
FILES = ("/v1/kpis/k.svg", "/v1/kpis/k.png", "/v1/kpis/k/series.csv")


async def svg(world, path="/v1/kpis/k.svg", **query):
    answer = await world.send("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


async def table(world, path="/v1/kpis/k/series.csv", **query):
    return list(DictReader((await svg(world, path, **query)).splitlines()))


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_kpi_is_drawn_painted_and_tabulated(world):
    await world.kpi(name="CSAT", unit="score", target=4)
    await world.report(5)

    drawn, painted, told = [await world.send("GET", path) for path in FILES]

    assert drawn.headers["content-type"] == "image/svg+xml"
    assert '<title id="title">CSAT</title>' in drawn.text
    assert (painted.headers["content-type"], painted.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert told.text.startswith("from,to,value,samples,target,low,high\r\n")
    assert (await world.send("GET", FILES[2], params={"locale": "zh"})).text == told.text
    assert {each.headers["cache-control"] for each in (drawn, painted, told)} == {"private, max-age=15"}
    assert drawn.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def test_a_picture_names_the_numbers_that_it_shows(world):
    await world.kpi()
    await world.report(5)
    query = {"from": "2026-11-20", "interval": "day"}

    drawn = await world.send("GET", FILES[0], params=query)

    link = drawn.headers["link"]
    assert link == '</v1/kpis/k/series.csv?from=2026-11-20&interval=day>; rel="alternate"; type="text/csv"'
    beside = urljoin("http://test/v1/kpis/k.svg", link[1 : link.index(">")])
    assert len((await world.send("GET", beside)).text.splitlines()) == 4
    hostile = await world.send("GET", "/v1/kpis/k.svg?x=%3E%22,<y>")
    assert hostile.headers["link"].count(">") == 1 if hostile.status_code == 200 else hostile.status_code == 422


@pytest.mark.parametrize("path", FILES)
async def test_who_has_it_already_is_not_told_again(world, path):
    await world.kpi()
    await world.report(5)
    tag = (await world.send("GET", path)).headers["etag"]

    same = await world.send("GET", path, headers=world.headers | {"If-None-Match": tag})
    await world.report(6)
    other = await world.send("GET", path, headers=world.headers | {"If-None-Match": tag})

    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)


async def test_what_is_reported_is_of_the_day_that_begins_and_of_this_moment(world):
    await world.kpi()
    midnight = world.now.replace(hour=0, minute=0, second=0, microsecond=0)
    for value, at in ((1, midnight - DAY), (2, midnight), (3, midnight + HOUR), (4, world.now)):
        await world.report(value, at)

    rows = await table(world, **{"from": "2026-11-20"})

    assert [(row["from"][:10], row["value"], row["samples"]) for row in rows] == [
        ("2026-11-20", "", "0"),
        ("2026-11-21", "1.0", "1"),
        ("2026-11-22", "4.0", "3"),
    ]
    assert "dotted: not over yet" in words(await svg(world))


async def test_events_are_counted_by_intervals_of_the_workspaces_calendar(world):
    admin = await world.api.key("metrics:admin")
    shanghai = {"time_zone": "Asia/Shanghai", "locale": "zh-CN", "week_start": "sunday"}
    assert (await world.send("PATCH", "/v1/workspace", json=shanghai, headers=admin)).status_code == 200
    await world.kpi(COUNT)
    noon = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)  # half an hour before midnight in Shanghai
    await world.hear(*[world.received(at=noon + part * HOUR) for part in (0, 1, 2)])

    days = await table(world, **{"from": "2026-11-21"})
    hours = await table(world, **{"from": "2026-11-21T15:00:00Z", "to": "2026-11-21T18:00:00Z", "interval": "hour"})
    weeks = await table(world, interval="week")

    assert [(row["from"], row["value"]) for row in days] == [
        ("2026-11-20T16:00:00Z", "1.0"),
        ("2026-11-21T16:00:00Z", "2.0"),
    ]
    assert [row["value"] for row in hours] == ["1.0", "1.0", "1.0"]
    assert (len(weeks), weeks[-1]["from"], weeks[-1]["value"]) == (30, "2026-11-21T16:00:00Z", "2.0")
    assert "虚点：尚未结束" in words(await svg(world))
    assert "dotted: not over yet" in words(await svg(world, locale="en"))


async def test_shares_are_told_in_percent_and_the_target_by_day(world):
    targets = [{"from": "2026-11-22", "to": "2026-11-30", "value": 0.1}]
    await world.kpi(SEVERE, target=0.2, targets=targets)
    await world.hear(world.received("s1"), world.received("s3"))

    drawn = await svg(world, **{"from": "2026-11-20"})
    rows = await table(world, **{"from": "2026-11-20"})

    assert "first 50%" in described(drawn)
    assert [row["target"] for row in rows] == ["0.2", "0.2", "0.1"]
    assert [row["value"] for row in rows] == ["", "", "0.5"]


async def test_incidents_and_annotations_of_the_time_are_on_it(world):
    await world.kpi()
    await world.monitor(LOW, severity="critical")
    await world.report(1)
    await world.settle(2)
    assert await world.state() == "breached"
    for at, text in (("2026-11-21T09:00:00Z", "Spring <b>sale</b>"), ("2026-01-01T09:00:00Z", "long ago")):
        await world.post("/v1/annotations", {"at": at, "text": text})

    drawn = await svg(world)
    before = await svg(world, to="2026-11-20")

    assert [each.get("class") for each in of_class(drawn, "band")] == ["f1 band"]
    assert "Critical incident since Nov 22, 08:00." in described(drawn)
    assert "Spring <b>sale</b>" in words(drawn)
    assert "long ago" not in words(drawn)
    assert "There is nothing to draw." in shown(before)
    await world.report(9)
    await world.settle(60)
    assert "since" not in described(await svg(world))


async def test_what_is_asked_is_drawn_from_what_was_kept(world):
    await world.kpi()
    await world.report(4)
    await world.kpi({"type": "formula", "formula": "a * 2", "of": {"a": "k"}}, key="twice")
    await world.recur()

    rows = await table(world, "/v1/kpis/twice/series.csv")
    refused = await world.send("GET", "/v1/kpis/twice.svg", params={"interval": "hour"})

    assert (len(rows), rows[-1]["value"]) == (30, "8.0")
    assert (refused.status_code, pointers(refused)) == (422, ["/query/interval"])


MALFORMED = [
    ({"from": "soon"}, "/query/from"),
    ({"from": "2026-13-01"}, "/query/from"),
    ({"from": "1066-01-01"}, "/query/from"),
    ({"to": "9999-12-31"}, "/query/to"),
    ({"from": "2026-11-20", "to": "2026-11-19"}, "/query/to"),
    ({"from": "2020-01-01", "interval": "hour"}, "/query/interval"),
    ({"interval": "fortnight"}, "/query/interval"),
    ({"locale": "de"}, "/query/locale"),
]


async def test_what_is_malformed_is_named(world, subtests):
    await world.kpi()
    for query, wanted in MALFORMED:
        with subtests.test(query=query):
            for path in FILES:
                refused = await world.send("GET", path, params=query)
                assert (refused.status_code, pointers(refused)) == (422, [wanted])


async def test_days_ahead_are_empty(world):
    await world.kpi()
    query = {"from": "2027-01-01", "to": "2027-01-31"}

    assert await table(world, **query) == []
    assert "There is nothing to draw." in shown(await svg(world, **query))


async def test_a_kpis_key_is_no_file(world):
    for key in ("k.svg", "k.png"):
        body = {"key": key, "name": "A KPI", "measure": {"type": "reported"}}
        refused = await world.send("POST", "/v1/kpis", json=body)
        assert (refused.status_code, pointers(refused)) == (422, ["/key"])
    await world.kpi(key="svg.k")
    assert (await world.send("GET", "/v1/kpis/svg.k.svg")).status_code == 200


@pytest.mark.parametrize(
    "path", [*FILES, "/v1/objectives/{id}.svg", "/v1/objectives/{id}.png", "/v1/objectives/{id}.csv"]
)
async def test_nobody_else_sees_it(world, path):
    await world.kpi()
    objective = await Goals(world).objective()
    path = path.format(id=objective.rpartition("/")[2])
    theirs = await world.api.key("metrics:read", workspace="other")
    writer = await world.api.key("metrics:write")

    answers = [await world.send("GET", path, headers=headers) for headers in (theirs, writer, {})]

    assert [answer.status_code for answer in answers] == [404, 403, 401]


@pytest.mark.parametrize(
    "path", ["/v1/kpis/none.svg", "/v1/kpis/none/series.csv", "/v1/objectives/{id}.svg", "/v1/objectives/x.svg"]
)
async def test_what_is_not_there_is_not_found(world, path):
    assert (await world.send("GET", path.format(id=uuid4()))).status_code == 404


async def test_an_objective_is_drawn_painted_and_tabulated(world):
    goals = Goals.before_the_quarter(world)
    objective = await goals.objective()
    slow = await goals.result(objective)
    await goals.result(objective, title="Churn", start=0.1, target=0.05)
    await goals.say(slow, 10)
    await goals.day(46)

    drawn = await world.send("GET", f"{objective}.svg")
    painted = await world.send("GET", f"{objective}.png")
    rows = await table(world, f"{objective}.csv")

    assert shown(drawn.text)[1:6] == [
        "Oct 1, 2026 – Dec 31, 2026 · progress 5% · off track · mark: time passed 50%",
        "The objective: mean by weight",
        "progress 5% · off track",
        "Renewals",
        "now 10, from 0 to 100 · progress 10% · off track",
    ]
    assert painted.content[:8] == b"\x89PNG\r\n\x1a\n"
    assert [(row["title"], row["value"], row["pace"], row["state"]) for row in rows] == [
        ("Renewals", "10.0", "0.5", "off_track"),
        ("Churn", "", "0.5", "off_track"),
    ]
    assert drawn.headers["link"] == f'<{objective.rpartition("/")[2]}.csv>; rel="alternate"; type="text/csv"'
    assert "时间已过50%" in (await world.send("GET", f"{objective}.svg", params={"locale": "zh"})).text


async def test_one_without_key_results_shows_those_below(world):
    goals = Goals.before_the_quarter(world)
    above = await goals.objective(title="All of it")
    below = await goals.objective(title="A part", parent_id=above.rpartition("/")[2])
    await goals.say(await goals.result(below), 90)
    await goals.day(46)
    await goals.day(46.1)

    assert shown(await svg(world, f"{above}.svg"))[2:] == ["A part", "progress 90% · on track"]
    [row] = await table(world, f"{above}.csv")
    assert (row["title"], row["start"], row["progress"], row["state"]) == ("A part", "", "0.9", "on_track")
