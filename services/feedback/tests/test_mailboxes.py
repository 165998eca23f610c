"""Mailboxes: made, changed, kept to oneself, and thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.limits import MAILBOXES_PER_WORKSPACE
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.mailboxes import rules, service
from services.feedback.tests.conftest import Desk

SECRET = "a secret of tests, at least 32 characters"
IMAP: dict[str, Any] = {"host": "imap.shop.example", "user_name": "help", "password": "old password"}
FETCHED: dict[str, Any] = {"name": "help", "kind": "imap", "address": "help@shop.example", "imap": IMAP}
BROUGHT: dict[str, Any] = {"name": "in", "kind": "webhook", "address": "in@shop.example"}


async def make(desk: Desk, expect: int = 201, headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
    answer = await desk.client.post("/v1/mailboxes", json=fields, headers=headers or desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def change(desk: Desk, id: str, expect: int = 200, if_match: str | None = None, **fields: Any) -> dict[str, Any]:
    headers = desk.agent | ({"If-Match": if_match} if if_match else {})
    answer = await desk.client.patch(f"/v1/mailboxes/{id}", json=fields, headers=headers)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def sealed(desk: Desk) -> list[str | None]:
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        return list(await session.scalars(text("SELECT sealed_password FROM mailbox ORDER BY id")))


async def test_a_mailbox_is_made_and_shown_without_its_password(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    shown = await desk.get(f"/v1/mailboxes/{made['id']}")
    [listed] = (await desk.get("/v1/mailboxes"))["items"]

    assert shown == listed
    assert shown["imap"] == {
        "host": "imap.shop.example",
        "port": 993,
        "security": "tls",
        "user_name": "help",
        "folder": "INBOX",
    }
    assert made["mail_in_path"].startswith("/v1/mail-in/")
    assert "mail_in_path" not in shown
    [stored] = await sealed(desk)
    box = SecretBox(SECRET)
    assert stored is not None
    assert box.open(stored, purpose=service.PASSWORD_PURPOSE) == b"old password"


async def test_what_a_change_leaves_out_stays(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    before = await sealed(desk)
    changed = await change(desk, made["id"], imap={"folder": "Support", "port": 143, "security": "starttls"})
    assert await sealed(desk) == before
    assert changed["imap"] | {"host": "imap.shop.example", "user_name": "help"} == changed["imap"]
    assert (changed["imap"]["folder"], changed["imap"]["security"]) == ("Support", "starttls")

    await change(desk, made["id"], imap={"password": "new password"})
    assert await sealed(desk) != before


async def test_the_same_password_again_changes_nothing(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    before, shown = await sealed(desk), await desk.client.get(f"/v1/mailboxes/{made['id']}", headers=desk.agent)
    await change(desk, made["id"], imap={"password": "old password"}, if_match=shown.headers["etag"])
    again = await desk.client.get(f"/v1/mailboxes/{made['id']}", headers=desk.agent)

    assert await sealed(desk) == before
    assert again.headers["etag"] == shown.headers["etag"]


async def test_a_change_of_an_old_version_is_refused(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    shown = await desk.client.get(f"/v1/mailboxes/{made['id']}", headers=desk.agent)
    await change(desk, made["id"], name="one")
    await change(desk, made["id"], 412, if_match=shown.headers["etag"], name="two")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "imap", "imap": None},
        {"kind": "webhook"},
        {"address": "no address"},
        {"name": ""},
        {"kind": "pop3"},
        {"imap": IMAP | {"host": "imap.shop.example/x"}},
        {"imap": IMAP | {"host": "-x"}},
        {"imap": IMAP | {"port": 0}},
        {"imap": IMAP | {"port": 65_536}},
        {"imap": IMAP | {"security": "none"}},
        {"imap": IMAP | {"user_name": "a\r\nb"}},
        {"imap": IMAP | {"password": ""}},
        {"imap": IMAP | {"folder": "a\0b"}},
        {"imap": IMAP | {"tls": True}},
    ],
)
async def test_what_is_no_mailbox(desk: Desk, fields: dict[str, Any]) -> None:
    await make(desk, 422, **(FETCHED | fields))
    assert (await desk.get("/v1/mailboxes"))["items"] == []


async def test_a_mailbox_that_is_brought_its_mail_has_no_server(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    await change(desk, made["id"], 422, imap={"host": "imap.shop.example"})
    assert (await desk.get(f"/v1/mailboxes/{made['id']}"))["imap"] is None


async def test_a_workspace_has_so_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAILBOXES_PER_WORKSPACE == 20
    monkeypatch.setattr("opsloop_common.limits.MAILBOXES_PER_WORKSPACE", 2)
    for _ in range(2):
        await make(desk, **BROUGHT)
    await make(desk, 409, **BROUGHT)


async def test_another_workspace_and_a_partner_see_none(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    theirs, partner = await desk.api.key(workspace="other"), await desk.api.key("feedback:submit")
    path = f"/v1/mailboxes/{made['id']}"

    for method in ("GET", "PATCH", "DELETE"):
        answer = await desk.client.request(method, path, json={} if method == "PATCH" else None, headers=theirs)
        assert answer.status_code == 404
    assert (await desk.client.get(path, headers=partner)).status_code == 403
    await make(desk, 403, headers=partner, **BROUGHT)


async def test_a_mailbox_is_thrown_away_and_its_token_with_it(desk: Desk) -> None:
    made = await make(desk, **BROUGHT)
    gone = await desk.client.delete(f"/v1/mailboxes/{made['id']}", headers=desk.agent)
    brought = await desk.client.post(made["mail_in_path"], content=b"From: a@example.com\n\nx")

    assert (gone.status_code, brought.status_code) == (204, 404)


async def test_the_audit_log_knows_no_password_and_no_address(desk: Desk) -> None:
    admin = await desk.api.key("feedback:admin")
    made = await make(desk, **FETCHED)
    await change(desk, made["id"], imap={"password": "new password"}, address="other@shop.example")
    entries = (await desk.client.get("/v1/audit", headers=admin)).text

    assert "mailbox.created" in entries
    for kept_to_oneself in ("password", "shop.example"):
        assert f"new {kept_to_oneself}" not in entries
        assert f"@{kept_to_oneself}" not in entries


def test_a_token_opens_its_mailbox_alone() -> None:
    box = SecretBox(SECRET)
    mailbox = service.Mailbox(workspace="acme", id=service.UUID(int=1), token_number=3)
    token = service.token_of(mailbox, box)

    assert service.opened(token, box) == ("acme", service.UUID(int=1), 3)
    for wrong in ("", "x", token[:-3], box.seal(b"[]", purpose=service.TOKEN_PURPOSE), box.seal(b"x", purpose="other")):
        with pytest.raises(NotFound):
            service.opened(wrong, box)


@pytest.mark.parametrize(
    ("kind", "host", "has_password", "pointer"),
    [
        ("imap", None, False, "/imap"),
        ("imap", "h", False, "/imap/password"),
        ("webhook", "h", True, "/imap"),
        ("imap", "h", True, None),
        ("webhook", None, False, None),
    ],
)
def test_what_goes_together(kind: str, host: str | None, has_password: bool, pointer: str | None) -> None:
    if pointer is None:
        rules.require_setup(kind, host=host, has_password=has_password)
        return
    with pytest.raises(Invalid) as refused:
        rules.require_setup(kind, host=host, has_password=has_password)
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("imap.example.com", True),
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("a_b.example", True),
        ("", False),
        ("a..b", False),
        ("-a.example", False),
        ("a b", False),
        ("http://a", False),
        ("a" * 64, False),
        (".".join(["a" * 60] * 5), False),
        ("::1]", False),
    ],
)
def test_what_is_a_host(text: str, is_one: bool) -> None:
    assert rules.is_host(text) is is_one
