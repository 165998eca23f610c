"""One row a person and channel: who is named once or often, what waits and is taken back, what is kept and forgotten."""

import asyncio
import email
import email.policy
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiosmtpd.smtp import SMTP
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages import rules, service
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings

WELCOME = [
    {
        "locale": "en",
        "email": {"subject": "Hello {{ name }}", "body": "Dear {{ name }}, look [here]({{ url }}).\n"},
        "inbox": {"title": "Hello {{ name }}", "body": "Look here.", "url": "{{ url }}"},
    },
    {"locale": "zh", "email": {"subject": "{{ name }}，您好", "body": "请看[这里]({{ url }})。\n"}},
]
DATA = {"name": "Ann & Co", "url": "https://product.test/a"}


class Sink:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.rcpt_tos[0], message))
        return "250 taken"


@pytest.fixture
async def sink():
    handler = Sink()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="127.0.0.1", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    handler.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield handler
    server.close()
    await server.wait_closed()


class Door:
    def __init__(self, service, key):
        self.service, self.key, self.clock = service, key, service.clock

    async def call(self, method, path, body=None, status=200, **headers):
        given = self.key | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.service.client.request(method, path, json=body, headers=given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def send(self, *user_ids, status=201, headers=None, **body):
        given = {"user_ids": list(user_ids), "channels": ["email"], "data": DATA} | body
        return await self.call("POST", "/v1/messages", given, status, **(headers or {}))

    async def rows(self, message, **query):
        path = f"/v1/messages/{message['id']}/notifications"
        answer = await self.service.client.get(path, params=query, headers=self.key)
        return {(row["user_id"], row["channel"]): row for row in answer.json()["items"]}

    async def ended(self, message, count):
        rows = await self.rows(message)
        return rows if sum(row["status"] != "pending" for row in rows.values()) == count else None


@pytest.fixture
async def door(api, sink):
    settings = settings_for_tests(NotificationsSettings, smtp_url=sink.url, mail_from="Ops <ops@product.test>")
    service = await api(SERVICE, settings)
    door = Door(service, await service.key())
    for user, locale in (("u1", "en"), ("u2", "zh-Hant-TW"), ("u3", "fr")):
        await door.call("PUT", f"/v1/recipients/{user}", {"email": f"{user}@example.test", "locale": locale}, 201)
    return door


async def test_each_person_once_however_often_they_are_named(door):
    message = await door.send("u1", "u1", "u2", contents=WELCOME, channels=["inbox", "email"])

    assert sorted(await door.rows(message)) == [("u1", "email"), ("u1", "inbox"), ("u2", "email"), ("u2", "inbox")]


async def test_what_waits_is_taken_back_and_the_rest_is_not(door, sink, work, until):
    message = await door.send("u1", "u2", "nobody", contents=WELCOME, channels=["email", "inbox"])

    cancelled = await door.call("POST", f"/v1/messages/{message['id']}/cancel")
    again = await door.call("POST", f"/v1/messages/{message['id']}/cancel")
    other = await door.send("u1", contents=WELCOME)
    async with work(door.service, dispatch_mails):
        await until(lambda: door.ended(other, 1), "the other is sent")

    assert (cancelled, again) == ({"cancelled": 2}, {"cancelled": 0})
    assert len(sink.mails) == 1
    shown = await door.call("GET", f"/v1/messages/{message['id']}")
    assert shown["counts"] == {"pending": 0, "sent": 3, "gathered": 0, "failed": 1, "cancelled": 2}
    rows = await door.rows(message, status="cancelled")
    assert {(key, row["reason"], row["finished_at"] is not None) for key, row in rows.items()} == {
        (("u1", "email"), None, True),
        (("u2", "email"), None, True),
    }
    await door.call("POST", f"/v1/messages/{uuid4()}/cancel", status=404)


async def test_what_is_at_the_mail_server_goes_out_though_the_rest_is_taken_back(door):
    message = await door.send("u1", "u2", contents=WELCOME)
    async with door.service.db.transaction(Context(workspace="acme")) as session:
        rows = await door.rows(message)
        claimed = UUID(rows["u1", "email"]["id"])
        await session.execute(
            text("UPDATE notification_queue SET owner = :owner, claimed_at = now() WHERE id = :id"),
            {"owner": uuid4(), "id": claimed},
        )

    cancelled = await door.call("POST", f"/v1/messages/{message['id']}/cancel")

    assert cancelled == {"cancelled": 1}
    assert {key[0]: row["status"] for key, row in (await door.rows(message)).items()} == {
        "u1": "pending",
        "u2": "cancelled",
    }


async def test_campaigns_messages_are_listed_beside_the_others(door):
    told = MessageRequested(
        campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=["u1", "nobody"],
        contents=[MessageContent(locale="en", subject="s", body="b")],
    )  # fmt: skip
    await deliver(door.service.db, MESSAGES, make_event(told))
    message = await door.send("u2", contents=WELCOME)

    listed = {item["id"]: item for item in (await door.call("GET", "/v1/messages"))["items"]}

    assert set(listed) == {str(told.message_id), message["id"]}
    shown = listed[str(told.message_id)]
    assert (shown["campaign_id"], shown["template"], shown["is_test"]) == (str(told.campaign_id), None, False)
    assert shown["counts"] == {"pending": 1, "sent": 0, "gathered": 0, "failed": 1, "cancelled": 0}


async def test_a_message_told_twice_makes_no_second_row(door):
    message = await door.send("u1", contents=WELCOME, channels=["email", "inbox"])

    async with door.service.db.transaction(Context(workspace="acme")) as session:
        for channel in ("email", "inbox"):
            await service.tell(session, UUID(message["id"]), channel, ["u1", "u2"])

    assert sorted(await door.rows(message)) == [("u1", "email"), ("u1", "inbox"), ("u2", "email"), ("u2", "inbox")]
    inbox = await door.call("GET", "/v1/recipients/u1/inbox")
    assert len(inbox["items"]) == 1


async def test_messages_are_paged_and_forgotten_with_their_rows(door):
    sent = [await door.send("nobody", contents=WELCOME) for _ in range(3)]
    first = await door.call("GET", "/v1/messages?limit=2")
    rest = await door.call("GET", f"/v1/messages?limit=2&cursor={first['next_cursor']}")

    later = door.clock.now() + timedelta(days=31)
    async with door.service.db.transaction(Context(workspace="acme")) as session:
        await service.forget_ended(session, later, after=None, limit=10)
        forgotten = await service.forget_messages(session, later, limit=10)

    assert [item["id"] for item in first["items"] + rest["items"]] == [message["id"] for message in reversed(sent)]
    assert forgotten == 3
    assert (await door.call("GET", "/v1/messages"))["items"] == []


def test_what_campaigns_say_is_mail():
    contents = [{"locale": "en"}, {"locale": "zh", "channel": "inbox"}, {"locale": "fr", "channel": "email"}]

    assert [one["locale"] for one in rules.of_channel(contents, "email")] == ["en", "fr"]
    assert [one["locale"] for one in rules.of_channel(contents, "inbox")] == ["zh"]
    assert rules.of_channel([], "email") == []
