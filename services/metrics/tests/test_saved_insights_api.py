"""Saved insights through the door: kept, changed, asked, drawn."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import product
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import pytest_asyncio

from opsloop_common.db import ports_of
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.saved_insights.rules import InsightKind
from services.metrics.tests.kept_questions import Asked, Question, all_insights

PATH = "/v1/insights"
TREND = {"name": "Sign-ups", "kind": "trends", "query": {"event": "signed_up"}}
PICTURES = ("svg", "png", "csv")


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest_asyncio.fixture
async def world(world, asked):
    ports_of(world.api.db, MetricsPorts).insights.update(all_insights(asked))
    return world


async def kept(world, **fields):
    return await world.post(PATH, TREND | fields)


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_an_insight_is_kept_shown_changed_and_thrown_away(world):
    made = await world.send("POST", PATH, json=TREND | {"description": "By week"})
    assert made.status_code == 201
    at = urljoin(PATH, made.headers["location"])
    assert made.json() | TREND | {"description": "By week"} == made.json()

    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])

    change = {"name": "All sign-ups", "description": None, "query": {"event": "registered"}}
    changed = await world.send("PATCH", at, json=change, headers=world.headers | {"If-Match": shown.headers["etag"]})
    assert changed.status_code == 200, changed.text
    assert changed.json() | change == changed.json()
    assert changed.headers["etag"] != shown.headers["etag"]

    stale = await world.send("PATCH", at, json=change, headers=world.headers | {"If-Match": shown.headers["etag"]})
    assert stale.status_code == 412
    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404


async def test_they_are_listed_newest_first_by_kind_and_by_text(world):
    for name, kind, description in (
        ("Weekly funnel", "funnel", None),
        ("留存", "retention", "新用户的周留存"),
        ("100%_sure", "trends", "a FUNNEL in words"),
    ):
        await kept(world, name=name, kind=kind, description=description)

    async def names(**query):
        return [each["name"] for each in (await world.get(PATH, **query))["items"]]

    assert await names() == ["100%_sure", "留存", "Weekly funnel"]
    assert await names(kind="funnel") == ["Weekly funnel"]
    assert await names(kind=["funnel", "retention"]) == ["留存", "Weekly funnel"]
    assert await names(text="funnel") == ["100%_sure", "Weekly funnel"]
    assert await names(text="周留存") == ["留存"]
    assert await names(text="%_") == ["100%_sure"]
    assert await names(text="nothing") == []


async def test_a_list_is_read_page_by_page(world):
    for number in range(5):
        await kept(world, name=f"Insight {number}")

    seen, cursor = [], None
    while True:
        page = await world.get(PATH, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == [f"Insight {number}" for number in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"evnt": "x"}, ["/query/evnt"]),
        ({"event": 7}, ["/query/event"]),
        ({"event": ""}, ["/query/event"]),
        ({"where": [{"field": "a", "value": 1}, {"field": "b", "value": "c"}]}, ["/query/where/1/value"]),
        ({"where": [{"field": "a"}]}, ["/query/where/0/value"]),
        ({"where": {"field": "a"}}, ["/query/where"]),
        ({"a/b~c": 1}, ["/query/a~1b~0c"]),
    ],
)
async def test_a_question_that_its_insight_would_not_take_is_not_kept(world, query, wanted):
    refused = await world.send("POST", PATH, json=TREND | {"query": query})
    assert (refused.status_code, pointers(refused)) == (422, wanted)

    insight = await kept(world)
    refused = await world.send("PATCH", f"{PATH}/{insight['id']}", json={"query": query, "name": "new"})
    assert (refused.status_code, pointers(refused)) == (422, wanted)
    assert await world.get(f"{PATH}/{insight['id']}") == insight


MALFORMED = [
    ({"name": ""}, ["/name"]),
    ({"name": "\u200b"}, ["/name"]),
    ({"name": "a" * 201}, ["/name"]),
    ({"description": "a" * 2_001}, ["/description"]),
    ({"description": ""}, ["/description"]),
    ({"kind": "horoscope"}, ["/kind"]),
    ({"query": None}, ["/query"]),
    ({"query": []}, ["/query"]),
    ({"name": 7}, ["/name"]),
    ({"surprise": 1}, ["/surprise"]),
]


async def test_what_is_malformed_is_named(world, subtests):
    for fields, wanted in MALFORMED:
        with subtests.test(fields=fields):
            refused = await world.send("POST", PATH, json=TREND | fields)
            assert (refused.status_code, pointers(refused)) == (422, wanted)


async def test_a_kind_that_nobody_answers_here_is_refused(world):
    del ports_of(world.api.db, MetricsPorts).insights["paths"]

    refused = await world.send("POST", PATH, json=TREND | {"kind": "paths"})

    assert (refused.status_code, pointers(refused)) == (422, ["/kind"])


async def test_an_insight_is_asked_at_most_once_a_minute(world, asked):
    insight = await kept(world)

    first = await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)
    again = await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)
    for kind in PICTURES:
        assert (await world.send("GET", f"{PATH}/{insight['id']}.{kind}")).status_code == 200
    assert (first, asked.questions) == (again, [("trends", Question(event="signed_up"))])
    assert first["kind"] == "trends"
    assert first["answer"]["intervals"][0] == "2026-03-01T00:00:00+08:00"

    world.api.clock.advance(timedelta(seconds=60))
    later = await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)
    assert later["answered_at"] > first["answered_at"]
    assert len(asked.questions) == 2


async def test_a_changed_question_is_asked_anew(world, asked):
    insight = await kept(world)
    await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)

    await world.send("PATCH", f"{PATH}/{insight['id']}", json={"query": {"event": "registered"}})
    await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)

    assert [query.event for _, query in asked.questions] == ["signed_up", "registered"]


@pytest.mark.parametrize(
    ("fails", "status", "code"),
    [("heavy", 422, "query_too_heavy"), ("down", 503, "unavailable"), ("invalid", 422, "invalid")],
)
async def test_what_the_insight_refuses_is_said_and_not_kept(world, asked, fails, status, code):
    insight = await kept(world, query={"fails": fails})

    for method, path in (("POST", "/run"), *(("GET", f".{kind}") for kind in PICTURES)):
        answer = await world.send(method, f"{PATH}/{insight['id']}{path}")
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, code), path
    assert len(asked.questions) == 4


async def test_a_question_that_is_no_longer_understood_says_so(world):
    insight = await kept(world)

    class Stricter(Question):
        must: int

    insights = ports_of(world.api.db, MetricsPorts).insights
    insights["trends"] = replace(insights["trends"], schema=Stricter)
    answer = await world.send("POST", f"{PATH}/{insight['id']}/run")

    assert (answer.status_code, "no longer understood" in answer.json()["detail"]) == (409, True)


async def test_each_kind_has_a_picture_and_a_table(world, subtests):
    for kind in sorted(InsightKind):
        with subtests.test(kind=kind):
            insight = await kept(world, kind=kind)

            svg = await world.send("GET", f"{PATH}/{insight['id']}.svg")
            png = await world.send("GET", f"{PATH}/{insight['id']}.png")
            csv = await world.send("GET", f"{PATH}/{insight['id']}.csv")
            chinese = await world.send("GET", f"{PATH}/{insight['id']}.csv", params={"locale": "zh-CN"})
            assert (chinese.status_code, chinese.text) == (200, csv.text)

            assert svg.headers["content-type"] == "image/svg+xml"
            assert '<title id="title">Sign-ups</title>' in svg.text
            assert (png.headers["content-type"], png.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")
            assert csv.headers["content-type"] == "text/csv; charset=utf-8"
            assert csv.text == "what,count\r\n'=1+1,1\r\n注册,2\r\n"


async def test_a_picture_names_its_numbers_and_opens_nothing(world):
    insight = await kept(world)

    svg = await world.send("GET", f"{PATH}/{insight['id']}.svg")

    assert svg.headers["link"] == f'<{insight["id"]}.csv>; rel="alternate"; type="text/csv"'
    beside = urljoin(f"{PATH}/{insight['id']}.svg", f"{insight['id']}.csv")
    assert (await world.send("GET", beside)).status_code == 200
    assert svg.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert svg.headers["cache-control"] == "private, max-age=60"
    assert svg.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", PICTURES)
async def test_who_has_it_already_is_not_told_again(world, kind):
    insight = await kept(world)
    first = await world.send("GET", f"{PATH}/{insight['id']}.{kind}")
    tag = first.headers["etag"]

    for given, status in ((tag, 304), (f'"other", {tag}', 304), ('"other"', 200), ("", 200)):
        headers = world.headers | {"If-None-Match": given}
        answer = await world.send("GET", f"{PATH}/{insight['id']}.{kind}", headers=headers)
        assert (answer.status_code, answer.headers["etag"]) == (status, tag), given
        assert answer.content == (b"" if status == 304 else first.content)


async def test_a_picture_speaks_the_language_asked_for_or_the_workspaces(world):
    insight = await kept(world, kind="lifecycle", name="每日")
    admin = await world.api.key("metrics:admin")

    async def languages(**query):
        svg = await world.send("GET", f"{PATH}/{insight['id']}.svg", params=query)
        return ("持续活跃" in svg.text, "Returning" in svg.text)

    assert await languages() == (False, True)
    assert await languages(locale="zh-CN") == (True, False)
    assert await languages(locale="zh-Hant-TW") == (True, False)
    assert await languages(locale="de") == (False, True)
    assert (await world.send("PATCH", "/v1/workspace", json={"locale": "zh-CN"}, headers=admin)).status_code == 200
    assert await languages() == (True, False)
    assert await languages(locale="en-GB") == (False, True)

    refused = await world.send("GET", f"{PATH}/{insight['id']}.svg", params={"locale": "../.."})
    assert (refused.status_code, pointers(refused)) == (422, ["/query/locale"])


async def test_days_are_those_of_the_question_or_the_workspace(world):
    # its cohorts begin at midnight of Shanghai
    plain = await kept(world, kind="retention")
    own = await kept(world, kind="retention", query={"time_zone": "Asia/Shanghai"})

    async def first_day(insight):
        svg = (await world.send("GET", f"{PATH}/{insight['id']}.svg")).text
        return "Mar 1, 2026" in svg, "Mar 2, 2026" in svg

    assert await first_day(plain) == (True, False)
    assert await first_day(own) == (False, True)


async def test_annotations_of_the_time_are_on_the_picture(world):
    for at, text in (
        ("2026-03-10T09:00:00Z", "Spring <b>sale</b>"),
        ("2026-02-20T09:00:00Z", "too early"),
        ("2026-03-31T00:00:00+08:00", "too late"),
        ("2026-03-30T23:59:59+08:00", "last moment"),
    ):
        await world.post("/v1/annotations", {"at": at, "text": text})
    trend, funnel = await kept(world), await kept(world, kind="funnel")

    drawn = (await world.send("GET", f"{PATH}/{trend['id']}.svg")).text
    other = (await world.send("GET", f"{PATH}/{funnel['id']}.svg")).text

    assert "Spring &lt;b&gt;sale&lt;/b&gt;" in drawn
    assert "last moment" in drawn
    assert "too early" not in drawn
    assert "too late" not in drawn
    assert "Spring" not in other


async def test_nobody_else_sees_it(world):
    insight = await kept(world)
    await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for method, rest in product(("GET",), ("", ".svg", ".png", ".csv")):
        answer = await world.send(method, f"{PATH}/{insight['id']}{rest}", headers=theirs)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no insight with this id."), rest
    for method, rest, body in (("POST", "/run", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None)):
        answer = await world.send(method, f"{PATH}/{insight['id']}{rest}", json=body, headers=theirs)
        assert answer.status_code == 404, method
    listed = await world.send("GET", PATH, headers=theirs)
    assert listed.json()["items"] == []


async def test_rights_are_for_reading_and_writing(world):
    insight = await kept(world)
    reader = await world.api.key("metrics:read")
    writer = await world.api.key("metrics:write")

    assert (await world.send("POST", f"{PATH}/{insight['id']}/run", headers=reader)).status_code == 200
    assert (await world.send("GET", f"{PATH}/{insight['id']}.svg", headers=reader)).status_code == 200
    assert (await world.send("POST", PATH, json=TREND, headers=reader)).status_code == 403
    assert (await world.send("DELETE", f"{PATH}/{insight['id']}", headers=reader)).status_code == 403
    assert (await world.send("POST", f"{PATH}/{insight['id']}/run", headers=writer)).status_code == 403
    assert (await world.send("GET", f"{PATH}/{insight['id']}.png", headers=writer)).status_code == 403


@pytest.mark.parametrize("rest", ["", ".svg", ".png", ".csv", ".pdf", ".svg.svg", "/run/run"])
async def test_what_is_not_there_is_not_found(world, rest):
    answer = await world.send("GET", f"{PATH}/{uuid4()}{rest}")
    assert answer.status_code == 404


async def test_the_audit_log_says_what_was_done_and_not_what_was_asked(world):
    insight = await kept(world, name="Who is u-4711", query={"event": "secret event"})
    await world.send("PATCH", f"{PATH}/{insight['id']}", json={"query": {"event": "another secret"}})
    await world.send("DELETE", f"{PATH}/{insight['id']}")

    admin = await world.api.key("metrics:admin")
    entries = (await world.send("GET", "/v1/audit", headers=admin)).json()["items"]
    own = [entry for entry in entries if entry["action"].startswith("saved_insight.")]

    assert [entry["action"] for entry in own] == [f"saved_insight.{verb}" for verb in ("deleted", "updated", "created")]
    assert "secret" not in str(own)
    assert "4711" not in str(own)


async def test_a_picture_is_painted_beside_the_loop(world):
    insight = await kept(world, kind="retention")
    lags = []

    async def watch():
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            lags.append(loop.time() - before)

    watching = asyncio.create_task(watch())
    png = await world.send("GET", f"{PATH}/{insight['id']}.png")
    watching.cancel()

    # painting takes 0.2 s and more; in this process nothing else would have had a turn meanwhile
    assert (png.status_code, len(lags) > 20) == (200, True)
