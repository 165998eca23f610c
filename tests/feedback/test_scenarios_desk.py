"""Scenarios 6 and 7: promises on a Chinese calendar, and conversations in which nothing leaves that should not."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from opsloop_common.limits import ATTACHMENT_BYTES
from services.feedback.tests.desks import Clockwork
from services.feedback.tests.test_attachments import PNG, Files
from services.feedback.tests.test_files_scanning import EICAR
from tests.feedback.test_scenarios import ask, heard

DUE = {
    "2026-11-27T17:30": "Mon 11-30 09:30",  # Friday evening
    "2026-11-30T11:45": "Mon 11-30 14:15",  # over lunch
    "2027-09-30T17:30": "Fri 10-08 09:30",  # the day before the National Day's week
    "2027-10-08T17:30": "Sat 10-09 09:30",  # the Saturday of make-up work counts
}


async def test_6_an_hour_of_work_on_a_chinese_calendar_and_in_berlin(china: Clockwork):
    assert {at: await china.due(await china.post(at)) for at in DUE} == DUE
    berlin = await china.calendar(name="Berlin", time_zone="Europe/Berlin", days=[])
    german = [{"field": "data.locale", "op": "eq", "value": "de"}]
    await china.policy(name="Berlin", position=1, when=german, calendar_id=berlin, first_reply="PT1H")

    path = await china.post("2028-03-25T00:30", locale="de")  # Friday 17:30 in Berlin, before summer time

    assert (await china.desk.get(path))["due_at"] == "2028-03-27T07:30:00Z"  # Monday 09:30 of summer time
    print(f"6 due {', '.join(DUE.values())}, in Berlin Monday 09:30 of summer time")


async def test_6_what_approaches_and_is_breached_is_told_once_and_what_waits_stands_still(china: Clockwork):
    late, asked, answered = [await china.post("2026-11-25T09:00") for _ in range(3)]
    china.at("2026-11-25T09:20")
    await china.reply(answered)
    await china.change(asked, status="pending")
    await china.change(f"/v1/sla-policies/{china.policy_made['id']}", first_reply="PT4H")
    assert await china.due(late) == "Wed 11-25 10:00", "another policy moves no clock that runs"

    await china.work_until("2026-11-25T09:47", "2026-11-25T09:48")
    assert await china.told() == [("approaching", "first_reply")]
    await china.work_until("2026-11-25T10:10", "2026-11-25T10:10", "2026-11-25T10:20")  # nobody looked for ten minutes
    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]
    china.at("2026-11-25T11:00")
    await china.change(asked, status="open")
    assert await china.due(asked) == "Wed 11-25 11:40", "40 minutes of the hour were left"
    await china.work_until("2026-11-25T12:30")

    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")] * 2
    report = await china.desk.get("/v1/reports/sla", **{"from": "2026-11-25T00:00:00Z"})
    [first] = [row for row in report["total"] if row["target"] == "first_reply"]
    by_hand = {"met": 1, "breached": 2, "compliance": pytest.approx(1 / 3)}
    assert {name: first[name] for name in by_hand} == by_hand
    print(f"6 told {len(await china.told())} times of 2 breaches, report {by_hand['met']} of 3 met")


NOTE = "只有我们知道：先退款再查"


async def test_7_a_note_is_among_ourselves_wherever_one_looks(talk: Files):
    partner = await talk.api.key("feedback:submit", source="shop")
    said = {"body": "支付失败", "author": {"user_id": "u1", "email": "li@example.test"}}
    made = await talk.client.post("/v1/feedback", json=said, headers=partner)
    path = f"/v1/feedback/{made.json()['id']}"
    file = await talk.upload(b"refund first", name="internal.txt")
    await ask(talk, f"{path}/messages", {"kind": "note", "body": NOTE, "attachments": [file["id"]]}, 201)
    await ask(talk, f"{path}/messages", {"kind": "reply", "body": "我们在查"}, 201)
    await heard(talk)

    link = urlsplit((await talk.get(f"{path}/status-link"))["url"])
    page = await talk.client.get(f"{link.path}?{link.query}")
    mine = await talk.client.get(f"{path}/messages", headers=partner)
    state = await talk.client.get(path, headers=partner)
    told = json.dumps([event.data for event in await talk.api.events()], ensure_ascii=False)

    assert (page.status_code, mine.status_code, state.status_code) == (200, 200, 200)
    assert "我们在查" in page.text
    assert [each["body"] for each in mine.json()["items"]] == ["我们在查"]
    assert "我们在查" in told, "a reply is handed on to be sent"
    assert all(NOTE not in seen and "internal.txt" not in seen for seen in (page.text, mine.text, state.text, told))
    assert (await talk.client.get(f"{path}/attachments", headers=partner)).status_code == 403
    kinds = {each["kind"] for each in (await talk.get(f"{path}/messages"))["items"]}
    assert kinds == {"note", "reply"}


async def test_7_a_macro_does_all_or_nothing_and_of_two_at_once_one_is_told_to_look_again(talk: Files):
    reply = {"name": "order?", "texts": [{"locale": "zh", "body": "请告知订单号。"}]}
    canned = (await ask(talk, "/v1/canned-replies", reply, 201))["id"]
    does = {"add_tags": ["waiting"], "status": "pending", "assignee": "ann"}
    macro = await ask(talk, "/v1/macros", {"name": "ask", "canned_reply_id": canned} | does, 201)
    post = await talk.post(body="订单不见了")
    path, seen = f"/v1/feedback/{post['id']}", {}
    seen = {"If-Match": (await talk.client.get(f"/v1/feedback/{post['id']}", headers=talk.agent)).headers["etag"]}

    answers = await asyncio.gather(
        talk.client.post(f"{path}/macros/{macro['id']}", headers=talk.agent | seen),
        talk.client.post(f"{path}/macros/{macro['id']}", headers=talk.agent | seen),
        talk.client.patch(path, json={"assignee": "ben"}, headers=talk.agent | seen),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    after, said = await talk.get(path), (await talk.get(f"{path}/messages"))["items"]
    as_macro = ("pending", ["waiting"], "ann", 1)
    as_patch = ("new", [], "ben", 0)
    assert (after["status"], after["tags"], after["assignee"], len(said)) in (as_macro, as_patch)
    await talk.patch(post["id"], status="closed")
    before = await talk.get(path)
    await ask(talk, f"{path}/macros/{macro['id']}", expect=409)
    assert await talk.get(path) == before
    assert len((await talk.get(f"{path}/messages"))["items"]) == len(said)


async def test_7_a_large_file_is_taken_and_what_is_not_what_it_says_is_not(talk: Files):
    whole = PNG + b"\0" * (ATTACHMENT_BYTES - len(PNG))
    large, post = await talk.named(whole)
    [shown] = (await talk.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
    got = await talk.client.get(f"/v1/feedback/{post['id']}/{shown['link']}")
    stored = talk.stored()

    await talk.upload(whole + b"\0", 413, name="a.png")
    for data, kind, name in (
        (b"%PDF-1.7\n", "image/png", "a.png"),
        (PNG, "video/mp4", "a.mp4"),
        (b"MZ" + b"\0" * 200, "image/png", "photo.png"),
        (EICAR, "text/plain", "a.txt"),
        (EICAR, "application/octet-stream", "eicar.com"),
    ):
        await talk.upload(data, 422, name=name, headers={"Content-Type": kind})
    tame = await talk.upload(b"<script>alert(1)</script>", name="../../eicar.com")

    assert large["bytes"] == ATTACHMENT_BYTES
    assert got.content == whole
    assert (tame["media_type"], tame["name"]) == ("text/plain", "eicar.com.txt")
    assert len(talk.stored()) == len(stored) + 1


async def test_7_broken_text_and_emoji_are_found_again(talk: Files):
    kind = {"Content-Type": "application/json"}

    async def post(raw: bytes) -> Any:
        return await talk.client.post("/v1/feedback", content=raw, headers=talk.agent | kind)

    made = await post('{"body": "导出\\u0007按钮😀👨‍👩‍👧没有\\u200b反应 \ufffd👍🏽"}'.encode())
    assert made.status_code == 201, made.text
    refused = [await post(raw) for raw in (b'{"body": "a\xe5"}', b'{"body": "a\\u0000"}', b'{"body": "a\\ud800"}')]
    await heard(talk)

    found = [
        [one["feedback"]["id"] for one in (await talk.get("/v1/search", q=query))["items"]]
        for query in ("导出", "导出按钮", "没有反应")
    ]

    assert found == [[made.json()["id"]]] * 3
    assert "😀👨‍👩‍👧" in made.json()["body"]
    assert [answer.status_code for answer in refused] == [400, 422, 422]
    assert [answer.json()["errors"][0]["pointer"] for answer in refused[1:]] == ["/body", "/body"]
