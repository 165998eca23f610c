"""Mail in under fire: brought at once, called strangely, tried again while something is down, and by whom it may be seen."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.db import Context
from opsloop_common.errors import Unavailable
from opsloop_common.ids import uuid7
from opsloop_common.limits import PARKED_MAIL_BYTES
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.letters.service import LetterReader
from opsloop_feedback.mail_in import rules
from opsloop_feedback.mail_in.consumers import ERASURES
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.test_mail_in import NESTED, NOTHING, Post, mail

EMPTY = b"From: mark@example.com\n\n \n"


@pytest_asyncio.fixture
async def desk_by_mail(api: MakeApi, tmp_path: Path) -> AsyncIterator[Post]:
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, attachments_path=tmp_path / "files"))
    desk = Post(door, await door.key("feedback:read", "feedback:write", "feedback:admin"))
    desk.path = (await desk.mailbox())["mail_in_path"]
    yield desk


async def rows(desk: Post, workspace: str = "acme") -> list[Any]:
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        found = await session.execute(text("SELECT id, outcome, raw, author_id FROM received_mail ORDER BY id"))
        return list(found.all())


async def retry(desk: Post, mail_id: str) -> tuple[int, dict[str, Any]]:
    answer = await desk.client.post(f"/v1/received-mails/{mail_id}/retry", headers=desk.agent)
    return answer.status_code, answer.json()


class Down(LetterReader):
    """A reader that is busy for longer than anybody waits."""

    async def read(self, raw: bytes) -> None:
        raise Unavailable("Too much mail is being read; bring it again.")


@pytest.mark.parametrize("raw", [mail().as_bytes(), EMPTY, mail(precedence="bulk").as_bytes()])
async def test_the_same_mail_brought_at_once_is_one_row(desk_by_mail: Post, raw: bytes) -> None:
    post = desk_by_mail.client.post
    head = {"Content-Type": "message/rfc822"}
    answers = await asyncio.gather(*[post(desk_by_mail.path, content=raw, headers=head) for _ in range(4)])
    again = await desk_by_mail.bring(raw)

    assert {answer.status_code for answer in answers} <= {200, 409, 503}
    assert {answer.json()["id"] for answer in answers if answer.status_code == 200} == {again["id"]}
    assert len(await rows(desk_by_mail)) == 1
    assert len(await desk_by_mail.posts()) == (1 if again["outcome"] == "post" else 0)


@pytest.mark.parametrize(
    "id", ["a" * 249, "a" * 198, "\x07@x", "\u202e@x", "..", "a/b@x", "导出@x", "%00@x", "\u200b", "'; DROP TABLE--"]
)
async def test_a_mail_that_is_called_strangely_comes_in_and_is_answered(desk_by_mail: Post, id: str) -> None:
    raw = mail().as_bytes().replace(b"<1@x>", f"<{id}>".encode())
    taken = await desk_by_mail.bring(raw)
    [post] = await desk_by_mail.posts()
    again = await desk_by_mail.bring(raw)
    answer = mail("and?", id="2@x").as_bytes().replace(b"subject:", f"In-Reply-To: <{id}>\nsubject:".encode())
    answered = await desk_by_mail.bring(answer)

    assert (taken["outcome"], again) == ("post", taken)
    assert len(post["external_id"]) <= 200
    assert post["external_id"].isprintable()
    assert await desk_by_mail.get("/v1/feedback", external_id=post["external_id"])
    if " " not in id:
        assert answered["feedback_id"] == taken["feedback_id"]


async def test_an_answer_that_is_called_strangely_is_one_message(desk_by_mail: Post) -> None:
    first = await desk_by_mail.bring(mail())
    raw = mail("again", id="2@x", in_reply_to="<1@x>").as_bytes().replace(b"<2@x>", b"<" + b"\x07" * 249 + b">")
    taken = [await desk_by_mail.bring(raw) for _ in range(2)]

    assert taken[0] == taken[1]
    assert await desk_by_mail.said(first["feedback_id"]) == [("author", "again")]
    [message] = (await desk_by_mail.get(f"/v1/feedback/{first['feedback_id']}/messages"))["items"]
    assert message["external_id"].isprintable()
    assert len(message["external_id"]) <= 200


@pytest.mark.parametrize("language", ["zh-CN", "en, de", "xx-aaaaaaaa-bbbbbbbb", "\x07", "z" * 5_000])
async def test_whatever_language_a_mail_claims_it_comes_in(desk_by_mail: Post, language: str) -> None:
    raw = mail().as_bytes().replace(b"subject:", f"Content-Language: {language}\nsubject:".encode())
    assert (await desk_by_mail.bring(raw))["outcome"] == "post"


async def test_a_parked_mail_is_not_lost_when_what_reads_it_is_down(desk_by_mail: Post) -> None:
    parked = await desk_by_mail.bring(EMPTY)
    ports = desk_by_mail.api.runtime.ports
    reader = ports.letters  # type: ignore[attr-defined]
    read, reader.read = reader.read, Down().read
    status, _ = await retry(desk_by_mail, parked["id"])
    left = await rows(desk_by_mail)
    reader.read = read
    again, retried = await retry(desk_by_mail, parked["id"])

    assert (status, [row.raw for row in left]) == (503, [EMPTY])
    assert (again, retried["outcome"]) == (200, "parked")
    assert len(await rows(desk_by_mail)) == 1


async def test_a_parked_mail_is_not_lost_when_its_files_cannot_be_kept(desk_by_mail: Post) -> None:
    made = mail()
    made.add_attachment("日志", filename="log.txt")
    parked = await desk_by_mail.bring(EMPTY)
    async with desk_by_mail.api.db.transaction(
        Context(workspace="acme")
    ) as session:  # as after a release that reads more
        await session.execute(text("UPDATE received_mail SET raw = :raw"), {"raw": made.as_bytes()})
    store = desk_by_mail.api.runtime.ports.files.store  # type: ignore[attr-defined]

    async def fails(name: str, file: Any) -> None:
        raise Unavailable("The store of files does not answer.")

    put, store.put = store.put, fails
    status, _ = await retry(desk_by_mail, parked["id"])
    kept = [row.outcome for row in await rows(desk_by_mail)]
    store.put = put
    again, retried = await retry(desk_by_mail, parked["id"])

    assert (status, kept) == (503, ["parked"])
    assert (again, retried["outcome"]) == (200, "post")
    assert [row.outcome for row in await rows(desk_by_mail)] == ["post"]
    [file] = (await desk_by_mail.get(f"/v1/feedback/{retried['feedback_id']}/attachments"))["items"]
    assert file["name"] == "log.txt"


async def test_two_who_try_a_mail_again_at_once_make_one_of_it(desk_by_mail: Post) -> None:
    parked = await desk_by_mail.bring(EMPTY)
    answers = await asyncio.gather(*[retry(desk_by_mail, parked["id"]) for _ in range(3)])

    assert sorted({status for status, _ in answers} | {200, 404, 409}) == [200, 404, 409]
    assert len([status for status, _ in answers if status == 200]) == 1
    assert len(await rows(desk_by_mail)) == 1


async def test_who_was_erased_while_their_mail_is_tried_again_stays_so(desk_by_mail: Post) -> None:
    parked = await desk_by_mail.bring(EMPTY)
    user_id = mailbox_user_id("acme", "mark@example.com")
    reader = desk_by_mail.api.runtime.ports.letters  # type: ignore[attr-defined]
    read = reader.read

    async def slowly(raw: bytes) -> Any:
        event = make_event(UserErased(erasure_id=uuid7(), user_id=user_id, user_ids=[user_id]))
        await deliver(desk_by_mail.api.db, ERASURES, event)
        return await read(raw)

    reader.read = slowly
    status, _ = await retry(desk_by_mail, parked["id"])

    assert status == 409
    assert [(row.raw, row.author_id) for row in await rows(desk_by_mail)] == [(None, None)]


async def test_erasing_somebody_leaves_others_and_is_done_twice(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(EMPTY)
    await desk_by_mail.bring(EMPTY.replace(b"mark", b"anna"))
    user_id = mailbox_user_id("acme", "anna@example.com")
    event = make_event(UserErased(erasure_id=uuid7(), user_id=user_id, user_ids=[user_id]))
    for _ in range(2):
        await deliver(desk_by_mail.api.db, ERASURES, event)

    assert [row.raw for row in await rows(desk_by_mail)] == [EMPTY, None]


async def test_of_a_large_mail_that_is_parked_nothing_is_kept(desk_by_mail: Post) -> None:
    raw = b"From: a@example.com\n" + NESTED + b"x" * PARKED_MAIL_BYTES
    parked = await desk_by_mail.bring(raw)
    status, problem = await retry(desk_by_mail, parked["id"])

    assert (parked["outcome"], parked["reason"]) == ("parked", "unreadable")
    assert [row.raw for row in await rows(desk_by_mail)] == [None]
    assert (status, "kept" in problem["detail"]) == (409, True)


@pytest.mark.parametrize("method", ["get", "retry"])
async def test_mail_of_another_workspace_is_not_there(desk_by_mail: Post, method: str) -> None:
    parked = await desk_by_mail.bring(EMPTY)
    theirs = await desk_by_mail.api.key("feedback:read", "feedback:write", workspace="other")
    path = f"/v1/received-mails/{parked['id']}"
    there = await (
        desk_by_mail.client.get(path, headers=theirs)
        if method == "get"
        else desk_by_mail.client.post(f"{path}/retry", headers=theirs)
    )
    listed = await desk_by_mail.client.get("/v1/received-mails", headers=theirs)

    assert (there.status_code, listed.json()["items"]) == (404, [])
    assert await rows(desk_by_mail, "other") == []
    assert len(await rows(desk_by_mail)) == 1


@pytest.mark.parametrize("path", ["/v1/received-mails", f"/v1/received-mails/{NOTHING}"])
async def test_received_mail_is_for_who_signs_in_and_may_read(desk_by_mail: Post, path: str) -> None:
    partner = await desk_by_mail.api.key("feedback:submit")
    statuses = [(await desk_by_mail.client.get(path, headers=head)).status_code for head in ({}, partner)]
    assert statuses == [401, 403]


@pytest.mark.parametrize(
    ("params", "status"), [({"outcome": "lost"}, 422), ({"mailbox_id": "x"}, 422), ({"limit": 0}, 422)]
)
async def test_questions_that_are_none(desk_by_mail: Post, params: dict[str, Any], status: int) -> None:
    await desk_by_mail.get("/v1/received-mails", expect=status, **params)


async def test_outcomes_are_asked_for_together(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail())
    await desk_by_mail.bring(EMPTY)
    await desk_by_mail.bring(mail(id="2@x", precedence="bulk"))
    found = await desk_by_mail.get("/v1/received-mails", outcome=["parked", "automatic"])
    assert [each["outcome"] for each in found["items"]] == ["automatic", "parked"]


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"raw": 1}', b'{"raw": "%%%"}', b'{"RawEmail": ""}', b"[" * 100_000, b"\xff"],
)
async def test_json_without_a_mail_in_it(desk_by_mail: Post, body: bytes) -> None:
    await desk_by_mail.bring(body, expect=422, Content_Type="application/json")
    assert await rows(desk_by_mail) == []


async def test_of_both_forms_in_one_document_the_plain_one_counts(desk_by_mail: Post) -> None:
    packed = base64.b64encode(mail("packed").as_bytes()).decode()
    answer = await desk_by_mail.client.post(
        desk_by_mail.path, json={"RawEmail": mail("plain").as_string(), "raw": packed}
    )
    assert answer.json()["outcome"] == "post"
    assert [post["body"] for post in await desk_by_mail.posts()] == ["plain"]


@pytest.mark.parametrize("token", ["x", "x" * 5_000, "%00", "..%2f..", "导出", "AAAA.BBBB"])
async def test_paths_that_nobody_was_given(desk_by_mail: Post, token: str) -> None:
    answer = await desk_by_mail.client.post(f"/v1/mail-in/{token}", content=mail().as_bytes())
    assert answer.status_code in (404, 414, 422)
    assert await rows(desk_by_mail) == []


async def test_bytes_of_what_was_taken_are_never_kept(desk_by_mail: Post) -> None:
    await desk_by_mail.bring(mail())
    with pytest.raises(IntegrityError):
        async with desk_by_mail.api.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE received_mail SET raw = 'x'"))


@pytest.mark.parametrize(
    ("message_id", "name"),
    [("1@x", "<1@x>"), (None, "k"), ("", "k"), ("a" * 198, f"<{'a' * 198}>"), ("a" * 199, "k"), ("\x07", "k")],
)
def test_a_mail_is_called_as_it_calls_itself_where_that_is_an_id(message_id: str | None, name: str) -> None:
    assert rules.natural_key(message_id, "k") == name
