"""CSAT is answered: within a day once, by its link alone, counted as by hand, and forgotten with its author."""

import asyncio
import re
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES as AUTHORS
from opsloop_feedback.csat.consumers import ERASURES, QUESTIONS
from services.feedback.tests.csat_authors import LI


async def test_an_answer_may_be_changed_for_a_day_and_tells_what_it_takes_back(asking):
    item, link = await asking.asked_link()
    await asking.send(link, "2", "slow")
    await asking.send(link, "2", "slow")
    await asking.send(link, "2", "")
    asking.clock.advance(86_400)
    await asking.send(link, "4")

    asking.clock.advance(1)
    page = (await asking.open(link)).text
    assert "You have answered already" in page
    assert "<form" not in page
    assert "You have answered already" in await asking.send(link, "1", status=409)

    [one] = await asking.said(feedback_id=item["id"])
    assert (one["score"], one["comment"], one["changed_at"] > one["answered_at"]) == (4, None, True)
    told = [
        (event.data["score"], event.data["previous_score"], event.data["is_first"]) for event in await asking.rated()
    ]
    assert told == [(2, None, True), (4, 2, False)]


async def test_answers_at_once_are_one(asking):
    _, link = await asking.asked_link()

    await asyncio.gather(*(asking.send(link, score) for score in "2525"))

    [one] = await asking.said()
    told = [event.data for event in await asking.rated()]
    assert [each["is_first"] for each in told].count(True) == 1
    assert told[-1]["score"] == one["score"]
    assert [each["previous_score"] for each in told[1:]] == [each["score"] for each in told[:-1]]


async def test_an_old_question_is_answered_no_more(asking):
    _, link = await asking.asked_link()
    asking.clock.advance(90 * 86_400)

    await asking.open(link, 410)
    await asking.send(link, "5", status=410)
    assert await asking.said() == []


async def test_what_is_no_answer_comes_back_with_what_was_typed(asking):
    _, link = await asking.asked_link()

    for score, comment in (("", "kept"), ("6", "kept"), ("0", "kept"), ("٣", "kept"), ("5", "kept" + "x" * 2_000)):
        page = await asking.send(link, score, comment, status=422)
        assert 'role="alert"' in page
        assert "kept" in page
    await asking.send(link, "5", "a\0b", status=422)
    await asking.send(link, "5", headers={"Origin": "https://evil.example"}, status=403)
    answer = await asking.desk.client.post(link, json={"score": 5})
    assert answer.status_code == 415
    assert await asking.said() == await asking.rated() == []


async def test_markup_is_shown_as_it_is_and_does_nothing(asking):
    _, link = await asking.asked_link(title="<img src=x onerror=alert(1)> {number} {0}")
    await asking.send(link, "1", "</textarea><script>alert(1)</script>")

    page = (await asking.open(link)).text

    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;/textarea&gt;" in page
    assert 'value="1" checked' in page


async def test_a_link_that_is_not_ours_opens_nothing(asking):
    item, link = await asking.asked_link()
    status_link = urlsplit((await asking.desk.get(f"/v1/feedback/{item['id']}/status-link"))["url"])
    bad = [
        link.replace("/acme/", "/other/"),
        link[:-1] + ("A" if link[-1] != "A" else "B"),
        "/p/acme/rating",
        "/p/acme/rating?token=x",
        f"/p/acme/rating?{status_link.query}",  # each kind of page has links of its own
    ]

    for each in bad:
        assert (await asking.desk.client.get(each)).status_code == 404, each
        assert (await asking.desk.client.post(each, data={"score": "5"})).status_code == 404, each


async def test_the_status_page_asks_too_and_who_answered_there_gets_no_mail(asking):
    item = await asking.desk.post(author=LI)
    url = urlsplit((await asking.desk.get(f"/v1/feedback/{item['id']}/status-link"))["url"])
    assert "rating?token=" not in (await asking.open(f"{url.path}?{url.query}")).text
    await asking.resolve(item["id"])

    page = (await asking.open(f"{url.path}?{url.query}")).text
    [query] = re.findall(r'href="(rating\?token=[^"]+)"', page)
    await asking.send(f"/p/acme/{query}", "3")
    await asking.work(60)

    assert await asking.asked() == []
    [one] = await asking.said()
    assert (one["score"], one["asked_at"]) == (3, None)


async def hear(asking, question, channel, failure=None):
    about = {"notification_id": uuid4(), "message_id": question["message_id"], "user_id": "u1", "channel": channel}
    data = NotificationSent(**about) if failure is None else NotificationFailed(**about, reason=failure)
    event = make_event(data, time=asking.clock.now())
    await deliver(asking.desk.api.db, QUESTIONS, event)
    await deliver(asking.desk.api.db, QUESTIONS, event)


async def test_the_report_equals_a_count_by_hand(asking):
    await asking.say(quiet="PT0S")
    workspace = {"time_zone": "Asia/Shanghai", "week_start": "sunday"}
    assert (
        await asking.desk.client.patch("/v1/workspace", json=workspace, headers=asking.desk.agent)
    ).status_code == 200
    # asked on Sunday the 22nd of November 2026 at 17 o'clock in Shanghai, answered there and then but for the last two
    for score, team, severity in ((5, "pay", "s1"), (4, "pay", "s2"), (1, "pay", "s2"), (3, None, "s3")):
        item = await asking.desk.post(author={"user_id": f"u{score}"})
        await asking.desk.patch(item["id"], team=team, severity=severity)
        await asking.resolve(item["id"])
        await asking.work(60)
        await asking.send(asking.link((await asking.asked())[-1]), str(score))
    for failures in ({"email": "rejected"}, {"email": "no_address", "inbox": None}):
        item = await asking.desk.post(author={"user_id": "u9"})
        await asking.resolve(item["id"])
        await asking.work(60)
        for channel, failure in failures.items():
            await hear(asking, (await asking.asked())[-1], channel, failure)

    asking.clock.advance(1)
    found = await asking.desk.get("/v1/reports/csat", by="team")

    pay, none = found["rows"]
    numbers = {"group": "pay", "n": 3, "asked": 3, "response_rate": 1.0}
    assert {name: pay[name] for name in numbers} == numbers
    assert (pay["score"], pay["share"]) == (pytest.approx(10 / 3), pytest.approx(2 / 3))
    assert (pay["share_low"], pay["share_high"]) == (pytest.approx(0.2077, abs=1e-4), pytest.approx(0.9385, abs=1e-4))
    # of those without a team one answered, one lies in an inbox, and one never got it
    assert (none["group"], none["n"], none["asked"], none["response_rate"], none["share"]) == (None, 1, 2, 0.5, 0.0)
    total = found["total"]
    assert (total["n"], total["score"], total["asked"], total["response_rate"]) == (4, 13 / 4, 5, 0.8)

    weeks = (await asking.desk.get("/v1/reports/csat", by="week"))["rows"]
    assert [(week["group"], week["n"]) for week in weeks] == [("2026-11-22", 4)]
    severities = (await asking.desk.get("/v1/reports/csat", by="severity"))["rows"]
    assert [(row["group"], row["n"]) for row in severities][:3] == [("s1", 1), ("s2", 2), ("s3", 1)]
    for by in ("assignee", "channel"):
        rows = (await asking.desk.get("/v1/reports/csat", by=by))["rows"]
        assert sum(row["n"] for row in rows) == 4
    early = await asking.desk.get("/v1/reports/csat", **{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"})
    assert (early["rows"], early["total"]["n"], early["total"]["score"]) == ([], 0, None)
    for bad in ({"by": "mood"}, {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}):
        await asking.desk.get("/v1/reports/csat", 422, **bad)


async def test_answers_are_listed_by_filters_page_after_page(asking):
    await asking.say(quiet="PT0S")
    for score, team in ((5, "pay"), (1, "pay"), (3, "app")):
        item = await asking.desk.post(author=LI, channel="email")
        await asking.desk.patch(item["id"], team=team)
        await asking.resolve(item["id"])
        await asking.work(60)
        await asking.send(asking.link((await asking.asked())[-1]), str(score))

    first = await asking.desk.get("/v1/csat-responses", limit=2)
    rest = await asking.desk.get("/v1/csat-responses", limit=2, cursor=first["next_cursor"])
    assert [one["score"] for one in first["items"] + rest["items"]] == [3, 1, 5]
    assert [one["score"] for one in await asking.said(team="pay")] == [1, 5]
    assert [one["score"] for one in await asking.said(score=["1", "3"])] == [3, 1]
    assert await asking.said(channel="form") == await asking.said(assignee="ann") == []
    newest = first["items"][0]["answered_at"]
    assert [one["score"] for one in await asking.said(answered_from=newest)] == [3]
    assert [one["score"] for one in await asking.said(answered_to=newest)] == [1, 5]
    for bad in ({"score": "6"}, {"channel": "smoke"}, {"feedback_id": "x"}, {"limit": "0"}):
        await asking.desk.get("/v1/csat-responses", 422, **bad)


async def test_of_an_erased_author_the_score_stays_and_nothing_else(asking):
    item, link = await asking.asked_link()
    _, other = await asking.asked_link(author={"email": "other@example.test"})
    await asking.send(link, "1", "my address is …")
    await asking.send(other, "5", "stays")

    data = UserErased(erasure_id=uuid4(), user_id="gone", user_ids=[mailbox_user_id("acme", LI["email"])])
    await deliver(asking.desk.api.db, AUTHORS, make_event(data, source="/opsloop/metrics"))
    erased = [event for event in await asking.desk.api.events() if event.type == FeedbackErased.type]
    assert [event.data["feedback_ids"] for event in erased] == [[item["id"]]]
    for event in (*erased, *(each.model_copy(update={"id": uuid4()}) for each in erased)):
        await deliver(asking.desk.api.db, ERASURES, event)

    assert [(one["score"], one["comment"]) for one in await asking.said()] == [(5, "stays"), (1, None)]
    await asking.open(link, 404)
    await asking.send(link, "1", "again", status=404)
