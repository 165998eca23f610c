"""Mail that comes in by a webhook: posts, answers, what nobody wrote, and what nobody can read."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.db import Context
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.limits import MAIL_BYTES, PARKED_MAIL_DAYS, RECEIVED_MAIL_DAYS
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.mail_in.consumers import ERASURES
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.conftest import Desk

NOTHING = "00000000-0000-0000-0000-000000000000"
OURS = "help@shop.example"
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000))
"""Deeper than a parser goes."""


def mail(
    words: str = "导出失败了。", *, sender: str = "张三 <zhang@example.com>", id: str = "1@x", **headers: str
) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Message-ID"] = sender, OURS, f"<{id}>"
    named = {"subject": "导出", "date": "Sat, 21 Nov 2026 10:00:00 +0800"} | headers
    for name, value in named.items():
        made[name.replace("_", "-")] = value
    made.set_content(words)
    return made


class Post(Desk):
    """The desk with a mailbox."""

    path: str

    async def bring(self, brought: EmailMessage | bytes, expect: int = 200, **headers: str) -> dict[str, Any]:
        raw = brought if isinstance(brought, bytes) else brought.as_bytes()
        kind = {"Content-Type": "message/rfc822"} | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.post(self.path, content=raw, headers=kind)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def posts(self) -> list[dict[str, Any]]:
        return (await self.get("/v1/feedback"))["items"]

    async def said(self, feedback_id: str) -> list[tuple[str, str]]:
        listed = (await self.get(f"/v1/feedback/{feedback_id}/messages"))["items"]
        return [(each["said_by"], each["body"]) for each in reversed(listed)]

    async def mailbox(self, expect: int = 201, **fields: Any) -> dict[str, Any]:
        body = {"name": "help", "kind": "webhook", "address": OURS} | fields
        answer = await self.client.post("/v1/mailboxes", json=body, headers=self.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()


@pytest_asyncio.fixture
async def desk_by_mail(api: MakeApi, tmp_path: Path) -> AsyncIterator[Post]:
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, attachments_path=tmp_path / "files"))
    desk = Post(door, await door.key("feedback:read", "feedback:write", "feedback:admin"))
    desk.path = (await desk.mailbox())["mail_in_path"]
    yield desk


async def test_a_mail_becomes_a_post(desk_by_mail: Post) -> None:
    taken = await desk_by_mail.bring(mail())
    [post] = await desk_by_mail.posts()

    assert (taken["outcome"], taken["feedback_id"]) == ("post", post["id"])
    assert (post["channel"], post["source"]) == ("email", "mail")
    assert (post["title"], post["body"], post["locale"]) == ("导出", "导出失败了。", "zh-CN")
    assert post["author"] == {"user_id": None, "email": "zhang@example.com", "name": "张三", "verified": False}
    assert post["occurred_at"] == "2026-11-21T02:00:00Z"
    assert post["attributes"]["mail"]["message_id"] == "1@x"


async def test_the_same_mail_again_is_the_same_post(desk_by_mail: Post) -> None:
    taken = await desk_by_mail.bring(mail())
    again = await asyncio.gather(*[desk_by_mail.bring(mail()) for _ in range(3)])

    assert again == [taken] * 3
    assert len(await desk_by_mail.posts()) == 1


async def test_the_authors_answer_lands_in_the_conversation_without_what_it_quotes(desk_by_mail: Post) -> None:
    first = await desk_by_mail.bring(mail())
    words = "还是不行。\n\n在 2026年11月22日 10:00，客服 <help@shop.example> 写道：\n> 请再试一次\n"
    answer = mail(words, id="2@x", subject="回复: 导出", in_reply_to="<1@x>", references="<0@x> <1@x>")
    second = await desk_by_mail.bring(answer)
    third = await desk_by_mail.bring(mail("好了，谢谢", id="3@x", in_reply_to="<2@x>"))

    assert [first["outcome"], second["outcome"], third["outcome"]] == ["post", "message", "message"]
    assert second["feedback_id"] == third["feedback_id"] == first["feedback_id"]
    said = await desk_by_mail.said(first["feedback_id"])
    assert said == [("author", "还是不行。"), ("author", "好了，谢谢")]


async def test_an_answer_opens_what_was_resolved(desk_by_mail: Post) -> None:
    first = await desk_by_mail.bring(mail())
    await desk_by_mail.patch(first["feedback_id"], status="resolved")
    await desk_by_mail.bring(mail("It is back.", id="2@x", in_reply_to="<1@x>"))

    assert (await desk_by_mail.get(f"/v1/feedback/{first['feedback_id']}"))["status"] == "open"
    assert "feedback.reopened" in await desk_by_mail.types()


async def test_somebody_else_who_names_a_mail_begins_a_matter_of_their_own(desk_by_mail: Post) -> None:
    first = await desk_by_mail.bring(mail())
    other = await desk_by_mail.bring(mail("And I?", sender="eve@example.com", id="2@x", in_reply_to="<1@x>"))

    assert other["outcome"] == "post"
    assert await desk_by_mail.said(first["feedback_id"]) == []


@pytest.mark.parametrize(
    "made",
    [
        mail(auto_submitted="auto-replied"),
        mail(auto_submitted="auto-generated; x=y"),
        mail(precedence="bulk"),
        mail(precedence="list"),
        mail(x_auto_response_suppress="All"),
        mail(x_autoreply="yes"),
        mail(list_id="<news.example.com>"),
        mail(return_path="<>"),
        mail(sender="MAILER-DAEMON@example.com"),
        mail(sender="no-reply@example.com"),
        mail(sender=f"Shop <{OURS.upper()}>"),
        b"From: a@example.com\nContent-Type: multipart/report; boundary=x\n\n--x\n\nfailed\n--x--\n",
    ],
)
async def test_what_nobody_wrote_becomes_nothing(desk_by_mail: Post, made: EmailMessage | bytes) -> None:
    taken = await desk_by_mail.bring(made)
    assert (taken["outcome"], taken["feedback_id"]) == ("automatic", None)
    assert taken["reason"]
    assert await desk_by_mail.posts() == []


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"garbage", "no_sender"),
        (b"\xff" * 1_000, "no_sender"),
        (b"From: nobody\n\nwords", "no_sender"),
        (b"From: a@example.com\n\n \n", "empty"),
        (b"From: a@example.com\n" + NESTED, "unreadable"),
    ],
)
async def test_what_cannot_be_taken_is_parked_once_and_tried_again(desk_by_mail: Post, raw: bytes, reason: str) -> None:
    taken = await desk_by_mail.bring(raw)
    again = await desk_by_mail.bring(raw)
    [listed] = (await desk_by_mail.get("/v1/received-mails", outcome="parked"))["items"]
    retry = f"/v1/received-mails/{listed['id']}/retry"
    retried = await desk_by_mail.client.post(retry, headers=desk_by_mail.agent)

    assert (taken["outcome"], taken["reason"]) == ("parked", reason)
    assert again == taken
    assert (listed["size"], listed["outcome"]) == (len(raw), "parked")
    assert retried.json()["outcome"] == "parked"
    assert retried.json()["id"] != listed["id"]
    assert (await desk_by_mail.client.post(retry, headers=desk_by_mail.agent)).status_code == 404


async def test_files_come_with_their_mail(desk_by_mail: Post) -> None:
    made = mail()
    made.add_attachment(b"\x89PNG\r\n\x1a\n" + b"\0" * 50, maintype="image", subtype="png", filename="截图.png")
    made.add_attachment(b"MZ" + b"\0" * 100, maintype="application", subtype="octet-stream", filename="a.exe")
    taken = await desk_by_mail.bring(made)
    answer = mail("还有这个", id="2@x", in_reply_to="<1@x>")
    answer.add_attachment("日志", filename="log.txt")
    await desk_by_mail.bring(answer)
    listed = (await desk_by_mail.get(f"/v1/feedback/{taken['feedback_id']}/attachments"))["items"]

    assert [(each["name"], each["message_id"] is not None) for each in listed] == [
        ("log.txt", True),
        ("截图.png", False),
    ]


async def test_a_mail_of_nothing_but_a_file_says_its_name(desk_by_mail: Post) -> None:
    made = mail("", subject="")
    made.add_attachment("日志", filename="log.txt")
    await desk_by_mail.bring(made)
    assert [post["body"] for post in await desk_by_mail.posts()] == ["log.txt"]


@pytest.mark.parametrize("form", ["raw", "RawEmail", "file"])
async def test_mail_is_brought_in_other_forms_too(desk_by_mail: Post, form: str) -> None:
    raw = mail().as_bytes()
    if form == "file":
        answer = await desk_by_mail.client.post(desk_by_mail.path, files={"email": ("m.eml", raw, "message/rfc822")})
    else:
        body = {form: base64.b64encode(raw).decode() if form == "raw" else raw.decode()}
        answer = await desk_by_mail.client.post(desk_by_mail.path, json=body)
    assert answer.json()["outcome"] == "post"
    await desk_by_mail.bring(b"{}", expect=422, Content_Type="application/json")
    await desk_by_mail.bring(b"[1", expect=422, Content_Type="application/json")


async def test_only_the_newest_token_of_a_mailbox_that_takes_mail_opens_it(desk_by_mail: Post) -> None:
    [mailbox] = (await desk_by_mail.get("/v1/mailboxes"))["items"]
    path = f"/v1/mailboxes/{mailbox['id']}"
    rotated = await desk_by_mail.client.post(f"{path}/rotate-token", headers=desk_by_mail.agent)
    await desk_by_mail.bring(mail(), expect=404)
    desk_by_mail.path = rotated.json()["mail_in_path"]
    await desk_by_mail.bring(mail())
    resting = await desk_by_mail.client.patch(path, json={"enabled": False}, headers=desk_by_mail.agent)

    assert resting.status_code == 200
    await desk_by_mail.bring(mail(id="2@x"), expect=404)
    desk_by_mail.path = "/v1/mail-in/nobodys"
    await desk_by_mail.bring(mail(), expect=404)


async def test_a_mailbox_takes_so_much_an_hour(desk_by_mail: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsloop_common.limits.MAILS_PER_HOUR", 2)
    for number in range(2):
        await desk_by_mail.bring(mail(id=f"{number}@x"))
    await desk_by_mail.bring(mail(id="3@x"), expect=429)
    desk_by_mail.api.clock.advance(timedelta(hours=1, seconds=1))
    await desk_by_mail.bring(mail(id="3@x"))


async def test_erasing_somebody_takes_their_parked_mail_along(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(b"From: MARK@example.com\n\n \n")
    user_id = mailbox_user_id("acme", "mark@example.com")
    await deliver(
        desk_by_mail.api.db, ERASURES, make_event(UserErased(erasure_id=uuid7(), user_id=user_id, user_ids=[user_id]))
    )
    async with desk_by_mail.api.db.transaction(Context(workspace="acme")) as session:
        [(raw, author)] = (await session.execute(text("SELECT raw, author_id FROM received_mail"))).all()

    assert (raw, author) == (None, None)


async def test_old_mail_is_forgotten(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail())
    await desk_by_mail.bring(b"garbage")
    kinds = [kind for kind in SERVICE.due if kind.name == "feedback.prune_mail"]

    async def left() -> list[str]:
        await run_recurring(desk_by_mail.api.db, kinds)
        return [each["outcome"] for each in (await desk_by_mail.get("/v1/received-mails"))["items"]]

    assert await left() == ["parked", "post"]
    desk_by_mail.api.clock.advance(timedelta(days=PARKED_MAIL_DAYS, seconds=1))
    assert await left() == ["post"]
    desk_by_mail.api.clock.advance(timedelta(days=RECEIVED_MAIL_DAYS))
    assert await left() == []
    assert len(await desk_by_mail.posts()) == 1


async def test_an_answer_to_the_signed_address_of_a_conversation_lands_there(desk_by_mail: Post) -> None:
    post = await desk_by_mail.post(author={"email": "zhang@example.com"})
    reply = {"kind": "reply", "body": "请再试一次"}
    await desk_by_mail.client.post(f"/v1/feedback/{post['id']}/messages", json=reply, headers=desk_by_mail.agent)
    [asked] = [event for event in await desk_by_mail.api.events() if event.type == "reply.requested"]
    named = asked.data["references"][0]
    answer = mail("From my other address: no.", sender="zhang@work.example", references=f"<0@x> {named}")
    forged = mail("Let me in", sender="eve@example.com", id="2@x", references=named.replace("a", "b").replace("c", "d"))

    assert (await desk_by_mail.bring(answer))["feedback_id"] == post["id"]
    assert (await desk_by_mail.bring(forged))["outcome"] == "post"
    assert await desk_by_mail.said(post["id"]) == [
        ("staff", "请再试一次"),
        ("author", "From my other address: no."),
    ]


async def test_two_mails_that_are_called_the_same_are_two_posts(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail("one"))
    await desk_by_mail.bring(mail("two", sender="other@example.com"))
    posts = await desk_by_mail.posts()

    assert sorted(post["body"] for post in posts) == ["one", "two"]
    assert "<1@x>" in {post["external_id"] for post in posts}


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_what_is_down_takes_nothing_in(desk_by_mail: Post, number: int) -> None:
    made = mail()
    made.add_attachment("日志", filename="log.txt")
    ports = desk_by_mail.api.runtime.ports
    store, files = ports.files.store, 0  # type: ignore[attr-defined]
    put = store.put

    async def fails(name: str, file: Any) -> None:
        nonlocal files
        files += 1
        if files <= number:
            raise Unavailable("The store of files does not answer.")
        await put(name, file)

    store.put = fails
    for _ in range(number):
        await desk_by_mail.bring(made, expect=503)
        assert await desk_by_mail.posts() == []
    taken = await desk_by_mail.bring(made)
    listed = (await desk_by_mail.get(f"/v1/feedback/{taken['feedback_id']}/attachments"))["items"]

    assert [each["name"] for each in listed] == ["log.txt"]


async def test_who_reads_sees_what_came_and_by_which_mailbox(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail())
    await desk_by_mail.bring(mail("Away", id="2@x", auto_submitted="auto-replied"))
    [mailbox] = (await desk_by_mail.get("/v1/mailboxes"))["items"]
    listed = (await desk_by_mail.get("/v1/received-mails", mailbox_id=mailbox["id"]))["items"]
    page = await desk_by_mail.get("/v1/received-mails", limit=1)
    rest = await desk_by_mail.get("/v1/received-mails", limit=1, cursor=page["next_cursor"])
    one = await desk_by_mail.get(f"/v1/received-mails/{listed[0]['id']}")
    theirs = await desk_by_mail.api.key(workspace="other")
    hidden = await desk_by_mail.client.get(f"/v1/received-mails/{listed[0]['id']}", headers=theirs)

    assert [(each["outcome"], each["reason"]) for each in listed] == [("automatic", "auto_submitted"), ("post", None)]
    assert page["items"] + rest["items"] == listed
    assert one == listed[0]
    assert hidden.status_code == 404
    assert (await desk_by_mail.get("/v1/received-mails", mailbox_id=NOTHING))["items"] == []
    assert "zhang" not in str(listed)


async def test_only_what_is_parked_is_tried_again(desk_by_mail: Post) -> None:
    taken = await desk_by_mail.bring(mail())
    answer = await desk_by_mail.client.post(f"/v1/received-mails/{taken['id']}/retry", headers=desk_by_mail.agent)
    reader = await desk_by_mail.api.key("feedback:read")
    refused = await desk_by_mail.client.post(f"/v1/received-mails/{taken['id']}/retry", headers=reader)

    assert (answer.status_code, refused.status_code) == (409, 403)


async def test_a_mail_that_is_too_large_is_refused_and_nothing_is_kept(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(b"From: a@example.com\n\n" + b"x" * MAIL_BYTES, expect=413)
    await desk_by_mail.bring(b"", expect=422)
    assert (await desk_by_mail.get("/v1/received-mails"))["items"] == []


async def test_a_long_mail_is_cut_and_what_cannot_be_shown_is_left_out(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail("\x07支付失败 " * 20_000, subject="s" * 900, sender=f"{'n' * 300} <a@example.com>"))
    [post] = await desk_by_mail.posts()

    assert len(post["body"]) <= 50_000
    assert "\x07" not in post["body"]
    assert (len(post["title"]), len(post["author"]["name"])) == (300, 200)
    assert post["kind"] == "bug"


async def test_without_a_place_for_files_the_words_come_all_the_same(api: MakeApi) -> None:
    door = await api(SERVICE)
    desk = Post(door, await door.key())
    desk.path = (await desk.mailbox())["mail_in_path"]
    made = mail()
    made.add_attachment("日志", filename="log.txt")

    assert (await desk.bring(made))["outcome"] == "post"
    assert [post["body"] for post in await desk.posts()] == ["导出失败了。"]
