"""Mailboxes under fire: changed at once, by others, into what they cannot be, and past the rules into the database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context
from opsloop_common.errors import Invalid
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.mailboxes import queries, rules, service
from services.feedback.tests.conftest import Desk
from services.feedback.tests.test_mailboxes import BROUGHT, FETCHED, IMAP, SECRET, change, make, sealed

NOTHING = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "imap",
    [
        {"host": "imap.shop.example"},
        {"port": 143},
        {"security": "starttls"},
        {"user_name": "help"},
        {"password": "p"},
        {"folder": "INBOX"},
    ],
)
async def test_a_mailbox_that_is_brought_its_mail_takes_nothing_of_a_server(desk: Desk, imap: dict[str, Any]) -> None:
    made = await make(desk, **BROUGHT)
    await change(desk, made["id"], 422, imap=imap)
    await change(desk, made["id"], imap={})

    assert await sealed(desk) == [None]
    assert (await desk.get(f"/v1/mailboxes/{made['id']}"))["imap"] is None


async def test_a_kept_password_goes_to_no_other_host(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    refused = await change(desk, made["id"], 422, imap={"host": "imap.attacker.example"})
    await change(desk, made["id"], imap={"host": "imap.shop.example", "port": 143})
    assert refused["errors"][0]["pointer"] == "/imap/password"
    assert (await desk.get(f"/v1/mailboxes/{made['id']}"))["imap"]["host"] == "imap.shop.example"

    moved = await change(desk, made["id"], imap={"host": "imap.other.example", "password": "for the other"})
    [stored] = await sealed(desk)
    assert moved["imap"]["host"] == "imap.other.example"
    assert SecretBox(SECRET).open(stored or "", purpose=service.PASSWORD_PURPOSE) == b"for the other"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "webhook"},
        {"token_number": 1},
        {"imap": None},
        {"imap": {"password": None}},
        {"imap": {"password": "x" * 321}},
        {"imap": {"sealed_password": "x"}},
        {"imap": {"host": "a" * 254}},
        {"imap": {"host": "imap.shop.example\n"}},
        {"imap": {"user_name": "a\u2028b"}},
        {"imap": {"port": "993"}},
        {"imap": {"port": True}},
        {"enabled": "yes"},
        {"enabled": None},
        {"address": "help@shop.example, other@shop.example"},
        {"address": "help@shop.example\r\nBcc: all@shop.example"},
        {"name": "a\0b"},
    ],
)
async def test_what_no_mailbox_becomes(desk: Desk, fields: dict[str, Any]) -> None:
    made = await make(desk, **FETCHED)
    before = await desk.get(f"/v1/mailboxes/{made['id']}")
    await change(desk, made["id"], 422, **fields)

    assert await desk.get(f"/v1/mailboxes/{made['id']}") == before


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 401),
        ("POST", "", 401),
        ("GET", f"/{NOTHING}", 401),
        ("PATCH", f"/{NOTHING}", 401),
        ("DELETE", f"/{NOTHING}", 401),
        ("POST", f"/{NOTHING}/rotate-token", 401),
        ("GET", f"/{NOTHING}", 404),
        ("PATCH", f"/{NOTHING}", 404),
        ("DELETE", f"/{NOTHING}", 404),
        ("POST", f"/{NOTHING}/rotate-token", 404),
        ("GET", "/none", 404),
    ],
)
async def test_strangers_and_what_is_not_there(desk: Desk, method: str, path: str, status: int) -> None:
    headers = {} if status == 401 else desk.agent
    json = {"name": "x"} if method == "PATCH" else None
    answer = await desk.client.request(method, f"/v1/mailboxes{path}", json=json, headers=headers)

    assert answer.status_code == status, answer.text


async def test_who_reads_changes_nothing(desk: Desk) -> None:
    made, reader = await make(desk, **FETCHED), await desk.api.key("feedback:read")
    path = f"/v1/mailboxes/{made['id']}"
    for method, where in (("PATCH", path), ("DELETE", path), ("POST", f"{path}/rotate-token")):
        json = {"name": "x"} if method == "PATCH" else None
        assert (await desk.client.request(method, where, json=json, headers=reader)).status_code == 403

    assert (await desk.client.get(path, headers=reader)).json()["name"] == "help"


async def test_of_changes_made_from_one_version_one_holds(desk: Desk) -> None:
    made = await make(desk, **FETCHED)
    shown = await desk.client.get(f"/v1/mailboxes/{made['id']}", headers=desk.agent)
    headers = desk.agent | {"If-Match": shown.headers["etag"]}
    sent = [
        desk.client.patch(f"/v1/mailboxes/{made['id']}", json={"name": f"name {n}"}, headers=headers) for n in range(4)
    ]
    answers = await asyncio.gather(*sent)

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    stale = await desk.client.delete(f"/v1/mailboxes/{made['id']}", headers=headers)
    assert stale.status_code == 412


async def test_who_adds_at_once_stays_within_the_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsloop_common.limits.MAILBOXES_PER_WORKSPACE", 2)
    sent = [desk.client.post("/v1/mailboxes", json=BROUGHT, headers=desk.agent) for _ in range(5)]
    answers = await asyncio.gather(*sent)

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    [kept, thrown] = (await desk.get("/v1/mailboxes"))["items"]
    await desk.client.delete(f"/v1/mailboxes/{thrown['id']}", headers=desk.agent)
    again = await make(desk, **BROUGHT)
    assert [each["id"] for each in (await desk.get("/v1/mailboxes"))["items"]] == [again["id"], kept["id"]]


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("host = NULL", "ck_mailbox_host"),
        ("kind = 'webhook'", "ck_mailbox_host"),
        ("sealed_password = NULL", "ck_mailbox_imap"),
        ("user_name = NULL", "ck_mailbox_imap"),
        ("folder = NULL", "ck_mailbox_imap"),
        ("port = 0", "ck_mailbox_port"),
        ("port = 65536", "ck_mailbox_port"),
        ("security = 'none'", "ck_mailbox_security"),
        ("kind = 'pop3', host = NULL", "ck_mailbox_kind"),
    ],
)
async def test_the_database_holds_what_the_rules_say(desk: Desk, values: str, constraint: str) -> None:
    await make(desk, **FETCHED)
    with pytest.raises(IntegrityError, match=constraint):
        async with desk.api.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text(f"UPDATE mailbox SET {values}"))


async def test_what_is_fetched_from_is_of_the_workspace_and_awake(desk: Desk) -> None:
    theirs = await desk.api.key(workspace="other")
    made, resting = await make(desk, **FETCHED), await make(desk, **FETCHED | {"address": "old@shop.example"})
    await make(desk, **BROUGHT)
    await make(desk, headers=theirs, **FETCHED | {"address": "them@other.example"})
    await change(desk, resting["id"], enabled=False)

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        assert [str(each.id) for each in await queries.fetched(session)] == [made["id"]]
        own = await queries.own_addresses(session)
    assert sorted(own) == ["help@shop.example", "in@shop.example", "old@shop.example"]


@pytest.mark.parametrize(
    ("kind", "imap", "pointer"),
    [
        ("imap", {}, None),
        ("imap", {"port": 1}, None),
        ("imap", {"host": "h"}, None),
        ("imap", {"host": "other"}, "/imap/password"),
        ("imap", {"host": "other", "password": "p"}, None),
        ("imap", {"host": "H"}, "/imap/password"),
        ("webhook", {}, None),
        ("webhook", {"port": 1}, "/imap"),
    ],
)
def test_what_a_change_may_say(kind: str, imap: dict[str, object], pointer: str | None) -> None:
    host = "h" if kind == "imap" else None
    if pointer is None:
        rules.require_change(kind, imap, host=host)
        return
    with pytest.raises(Invalid) as refused:
        rules.require_change(kind, imap, host=host)
    assert refused.value.errors[0].pointer == pointer


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=80))
def test_a_host_never_says_more_than_a_name(said: str) -> None:
    if rules.is_host(said):
        assert said.isascii()
        assert not set(said) & set(" /\\@?#%[]\r\n\t\0")


def test_a_mailbox_without_a_server_shows_none() -> None:
    assert service.Mailbox(host=None).imap is None
    assert "password" not in (service.Mailbox(**IMAP_ROW).imap or {})


IMAP_ROW = {name: value for name, value in IMAP.items() if name != "password"} | {"sealed_password": "x"}
