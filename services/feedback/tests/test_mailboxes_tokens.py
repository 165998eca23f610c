"""The tokens of mailboxes: what one opens, when it ends, and that none is made without the secret."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.mailboxes import service
from services.feedback.tests.conftest import Desk
from services.feedback.tests.test_mailboxes import BROUGHT, FETCHED, SECRET, change, make

MAIL = b"From: Ann <ann@example.com>\r\nMessage-ID: <1@example.com>\r\nSubject: Broken\r\n\r\nIt fails.\r\n"


async def bring(desk: Desk, path: str) -> int:
    return (await desk.client.post(path, content=MAIL, headers={"Content-Type": "message/rfc822"})).status_code


async def rotate(desk: Desk, made: dict[str, Any]) -> dict[str, Any]:
    answer = await desk.client.post(f"/v1/mailboxes/{made['id']}/rotate-token", headers=desk.agent)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_another_token_ends_those_before_it(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    assert await bring(desk, made["mail_in_path"]) == 200
    rotated = await rotate(desk, made)

    assert await bring(desk, made["mail_in_path"]) == 404
    assert await bring(desk, rotated["mail_in_path"]) == 200
    assert len((await desk.get("/v1/feedback"))["items"]) == 1


async def test_of_tokens_made_at_once_the_last_alone_holds(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    rotated = await asyncio.gather(*[rotate(desk, made) for _ in range(4)])
    box = SecretBox(SECRET)
    numbers = [service.opened(each["mail_in_path"].rpartition("/")[2], box)[2] for each in rotated]
    opens = [await bring(desk, each["mail_in_path"]) for each in rotated]

    assert sorted(numbers) == [2, 3, 4, 5]
    assert {number: status for number, status in zip(numbers, opens, strict=True) if status == 200} == {5: 200}


async def test_a_mailbox_that_rests_takes_nothing_until_it_wakes(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    await change(desk, made["id"], enabled=False)
    assert await bring(desk, made["mail_in_path"]) == 404
    assert (await desk.get("/v1/received-mails"))["items"] == []

    await change(desk, made["id"], enabled=True)
    assert await bring(desk, made["mail_in_path"]) == 200


async def test_another_workspace_ends_no_token_of_ours(desk: Desk) -> None:
    made, theirs = await make(desk, **BROUGHT), await desk.api.key(workspace="other")
    answer = await desk.client.post(f"/v1/mailboxes/{made['id']}/rotate-token", headers=theirs)

    assert answer.status_code == 404
    assert await bring(desk, made["mail_in_path"]) == 200


async def test_a_token_is_of_one_workspace_whoever_has_its_mailbox(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    forged = SecretBox(SECRET).seal(orjson.dumps(["other", made["id"], 1]), purpose=service.TOKEN_PURPOSE)

    assert await bring(desk, f"/v1/mail-in/{forged}") == 404
    async with desk.api.db.transaction(Context(workspace="other")) as session:
        with pytest.raises(NotFound):
            await service.require_taking(session, service.UUID(made["id"]), 1)


async def test_a_token_is_told_once_and_never_again(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    token = made["mail_in_path"].rpartition("/")[2]
    admin = await desk.api.key("feedback:admin", "feedback:read")
    answers = [
        await desk.client.get(path, headers=admin)
        for path in ("/v1/mailboxes", f"/v1/mailboxes/{made['id']}", "/v1/audit")
    ]
    changed = await change(desk, made["id"], name="another")

    assert all(answer.status_code == 200 and token not in answer.text for answer in answers)
    assert made["id"] not in token
    assert "mail_in_path" not in changed


async def test_what_changes_a_token_is_in_the_audit_log(desk: Desk) -> None:
    made, admin = await make(desk, **FETCHED), await desk.api.key("feedback:admin")
    await rotate(desk, made)
    await desk.client.delete(f"/v1/mailboxes/{made['id']}", headers=desk.agent)
    entries = (await desk.client.get("/v1/audit", headers=admin)).json()["items"]
    actions = [entry["action"] for entry in entries if entry["action"].startswith("mailbox.")]

    assert actions == ["mailbox.deleted", "mailbox.token_rotated", "mailbox.created"]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"null",
        b"{}",
        b'"acme"',
        b'["acme"]',
        b'["acme", "none", 1]',
        b'["acme", 1, 1]',
        b'["acme", "00000000-0000-0000-0000-000000000001", "x"]',
        b'["acme", "00000000-0000-0000-0000-000000000001", null]',
        b'["acme", "00000000-0000-0000-0000-000000000001", 1, 2]',
        b"\xff\xfe",
    ],
)
def test_what_a_token_cannot_say(said: bytes) -> None:
    box = SecretBox(SECRET)
    with pytest.raises(NotFound):
        service.opened(box.seal(said, purpose=service.TOKEN_PURPOSE), box)


def test_a_token_of_another_secret_or_another_purpose_opens_nothing() -> None:
    box, other = SecretBox(SECRET), SecretBox("another secret of tests, also 32 characters")
    mailbox = service.Mailbox(workspace="acme", id=uuid7(), token_number=1)
    said = orjson.dumps(["acme", str(mailbox.id), 1])

    assert service.opened(service.token_of(mailbox, box), box) == ("acme", mailbox.id, 1)
    for wrong in (service.token_of(mailbox, other), box.seal(said, purpose=service.PASSWORD_PURPOSE), said.decode()):
        with pytest.raises(NotFound):
            service.opened(wrong, box)
