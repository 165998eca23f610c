"""Messages to people: by template or in words given at once, by mail and in the inbox, once each, until they are taken back."""

import asyncio
import email
import email.policy

import pytest
from aiosmtpd.smtp import SMTP

from opsloop_common import limits
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
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


@pytest.fixture
async def welcome(door):
    body = {"key": "welcome", "name": "A welcome", "contents": WELCOME, "sample": DATA}
    await door.call("POST", "/v1/templates", body, 201)
    await door.call("POST", "/v1/templates/welcome/publish")


async def test_each_person_gets_it_by_each_channel_in_their_language(door, welcome, sink, work, until):
    message = await door.send("u1", "u2", "u3", "nobody", template="welcome", channels=["email", "inbox"])
    async with work(door.service, dispatch_mails):
        rows = await until(lambda: door.ended(message, 8), "all ended")

    assert {key: (row["status"], row["reason"], row["locale"]) for key, row in rows.items()} == {
        ("u1", "email"): ("sent", None, "en"),
        ("u2", "email"): ("sent", None, "zh"),
        ("u3", "email"): ("sent", None, "en"),
        ("nobody", "email"): ("failed", "no_address", "en"),
    } | {(user, "inbox"): ("sent", None, "en") for user in ("u1", "u2", "u3", "nobody")}
    shown = await door.call("GET", f"/v1/messages/{message['id']}")
    assert (shown["counts"], shown["template"], shown["template_version"]) == (
        {"pending": 0, "sent": 7, "gathered": 0, "failed": 1, "cancelled": 0},
        "welcome",
        1,
    )
    mails = dict(sink.mails)
    assert mails["u2@example.test"]["subject"] == "Ann & Co，您好"
    plain, html = mails["u1@example.test"].iter_parts()
    assert plain.get_content() == "Dear Ann & Co, look here (https://product.test/a).\r\n"
    assert html.get_content_type() == "text/html"
    assert 'Dear Ann &amp; Co, look <a href="https://product.test/a"' in html.get_content()
    inbox = await door.call("GET", "/v1/recipients/nobody/inbox")
    assert [(item["title"], item["url"]) for item in inbox["items"]] == [("Hello Ann & Co", "https://product.test/a")]
    told = [
        (event.type, event.data["channel"])
        for event in await door.service.events()
        if event.type.startswith("notification.")
    ]
    assert sorted(told) == [
        ("notification.failed", "email"),
        *[("notification.sent", "email")] * 3,
        *[("notification.sent", "inbox")] * 4,
    ]


async def test_words_that_are_given_at_once(door, sink, work, until):
    message = await door.send("u1", contents=WELCOME)
    async with work(door.service, dispatch_mails):
        await until(lambda: door.ended(message, 1), "sent")

    assert sink.mails[0][1]["subject"] == "Hello Ann & Co"
    assert (message["template"], message["template_version"], message["is_test"]) == (None, None, False)
    listed = (await door.call("GET", "/v1/messages"))["items"]
    assert [item["id"] for item in listed] == [message["id"]]


async def test_a_version_that_was_sent_stays_as_it_was(door, welcome, sink, work, until):
    first = await door.send("u1", template="welcome")
    await door.call(
        "PATCH", "/v1/templates/welcome", {"contents": [WELCOME[0] | {"email": {"subject": "Second", "body": "b"}}]}
    )
    still_first = await door.send("u1", template="welcome")
    await door.call("POST", "/v1/templates/welcome/publish")
    second = await door.send("u1", template="welcome")
    back = await door.send("u1", template="welcome", version=1)
    await door.call("DELETE", "/v1/templates/welcome", status=204)
    async with work(door.service, dispatch_mails):
        for message in (first, still_first, second, back):
            await until(lambda message=message: door.ended(message, 1), "sent")

    assert [m["template_version"] for m in (first, still_first, second, back)] == [1, 1, 2, 1]
    assert sorted(mail["subject"] for _, mail in sink.mails) == ["Hello Ann & Co"] * 3 + ["Second"]


async def test_what_the_data_lacks_sends_nothing_to_anybody(door, welcome):
    refused = await door.send("u1", "u2", template="welcome", data={"name": "Ann"}, status=422)

    assert refused["errors"] == [{"pointer": "/data", "detail": "body in en, line 1: the data has no url"}]
    assert (await door.call("GET", "/v1/messages"))["items"] == []
    assert (await door.call("GET", "/v1/notifications"))["items"] == []


async def test_a_repeated_request_sends_once(door, welcome):
    sent = [await door.send("u1", template="welcome", headers={"Idempotency_Key": "k1"}) for _ in range(2)]
    await door.send("u2", template="welcome", headers={"Idempotency_Key": "k1"}, status=422)

    assert sent[0] == sent[1]
    assert len(await door.rows(sent[0])) == 1
    assert len((await door.call("GET", "/v1/messages"))["items"]) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"template": "welcome", "contents": WELCOME}, ""),
        ({}, ""),
        ({"contents": WELCOME, "version": 1}, "/version"),
        ({"template": "unknown"}, "/template"),
        ({"template": "welcome", "version": 9}, "/version"),
        ({"contents": WELCOME, "channels": []}, "/channels"),
        ({"contents": WELCOME, "channels": ["email", "email"]}, "/channels"),
        ({"contents": WELCOME, "channels": ["sms"]}, "/channels/0"),
        ({"contents": WELCOME[1:], "channels": ["email", "inbox"]}, "/channels/1"),
        ({"contents": WELCOME, "user_ids": []}, "/user_ids"),
        ({"contents": WELCOME, "user_ids": [f"u{n}" for n in range(limits.MESSAGE_PEOPLE + 1)]}, "/user_ids"),
        ({"contents": WELCOME, "user_ids": ["a\u0000"]}, "/user_ids/0"),
        ({"contents": WELCOME, "data": []}, "/data"),
    ],
)
async def test_malformed(door, welcome, body, pointer):
    refused = await door.send(*body.pop("user_ids", ["u1"]), status=422, **body)

    assert refused["errors"][0]["pointer"] == pointer, refused


async def test_a_template_that_is_not_published_says_nothing(door):
    await door.call("POST", "/v1/templates", {"key": "new", "name": "n", "contents": WELCOME}, 201)

    refused = await door.send("u1", template="new", status=409)

    assert refused["detail"] == "No version of this template is published yet."
    assert (await door.send("u1", template="new", version=1))["template_version"] == 1


async def test_a_thousand_people_at_once(door):
    message = await door.send(*(f"p{n}" for n in range(1_000)), contents=WELCOME, channels=["email", "inbox"])

    assert message["counts"] == {"pending": 0, "sent": 1_000, "gathered": 0, "failed": 1_000, "cancelled": 0}


async def test_a_test_goes_to_who_was_put_here_by_hand_and_to_nobody_else(door, welcome, sink, work, until):
    heard = "/v1/templates/welcome/test"
    await door.call("PATCH", "/v1/templates/welcome", {"contents": [WELCOME[1], WELCOME[0]]})

    message = await door.call("POST", heard, {"user_id": "u2", "channels": ["email", "inbox"]}, 201)
    first = await door.call("POST", heard, {"user_id": "u1", "version": 1, "data": DATA | {"name": "Bo"}}, 201)
    stranger = await door.call("POST", heard, {"user_id": "stranger"}, 422)
    await door.call("POST", heard, {"user_id": "u1", "email": "x@example.test"}, 422)
    await door.call("POST", "/v1/templates/no-such/test", {"user_id": "u1"}, 404)
    async with work(door.service, dispatch_mails):
        await until(lambda: door.ended(message, 2), "sent")
        await until(lambda: door.ended(first, 1), "sent")

    assert stranger["errors"] == [{"pointer": "/user_id", "detail": "must be a recipient that was put here by hand"}]
    assert (message["is_test"], message["template_version"], first["template_version"]) == (True, 2, 1)
    assert {address: mail["subject"] for address, mail in sink.mails} == {
        "u2@example.test": "【测试】Ann & Co，您好",
        "u1@example.test": "[Test] Hello Bo",
    }


async def test_who_may_and_what_others_see(door, service, welcome):
    message = await door.send("u1", contents=WELCOME)
    reader = Door(door.service, await door.service.key("notifications:read"))
    other = Door(door.service, await door.service.key(workspace="other"))

    await Door(door.service, {}).call("GET", "/v1/messages", status=401)
    await reader.send("u1", contents=WELCOME, status=403)
    await reader.call("POST", f"/v1/messages/{message['id']}/cancel", status=403)
    await reader.call("GET", f"/v1/messages/{message['id']}/notifications")
    for path in ("", "/notifications"):
        await other.call("GET", f"/v1/messages/{message['id']}{path}", status=404)
    await other.call("POST", f"/v1/messages/{message['id']}/cancel", status=404)
    assert (await other.call("GET", "/v1/messages"))["items"] == []
    await other.send("u1", template="welcome", status=422)


async def test_the_audit_log_tells_that_something_was_said(door, welcome):
    message = await door.send("u1", "u2", template="welcome")

    log = (await door.call("GET", "/v1/audit?limit=50"))["items"]

    [entry] = [entry for entry in log if entry["action"] == "message.created"]
    assert (entry["subject"], entry["after"]) == (
        f"message/{message['id']}",
        {"template": "welcome", "template_version": 1, "is_test": False, "channels": ["email"], "people": 2},
    )
