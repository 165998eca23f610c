"""A receiver, a running worker and short ways to the doors, for the tests of this service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.db import Context
from opsloop_common.due.port import Ask
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.hooks import Hook, hooked
from opsloop_common.testing.http import Api, settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.deliveries.service import QUEUE_TABLE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.mails import claim_mails
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.bots import SECRETS, Bot
from services.notifications.tests.fifo import Fifo
from services.notifications.tests.reaching import Reaching


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hooked() as made:
        yield made


@pytest.fixture
async def service(api) -> Api:
    settings = settings_for_tests(NotificationsSettings, outbound_allow="127.0.0.0/8", port=1)
    return await api(SERVICE, settings)


@asynccontextmanager
async def working(service: Api, *workers: Any) -> AsyncIterator[None]:
    """Run the service's own loops as the worker role would, with the heartbeat that their claims live by."""
    async with service.db.transaction() as session:
        await session.execute(
            text("INSERT INTO worker (id, instance) VALUES (:id, 'test') ON CONFLICT DO NOTHING"),
            {"id": service.runtime.boot_id},
        )
    tasks = [asyncio.create_task(worker(service.runtime)) for worker in workers or SERVICE.loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error


@pytest.fixture
def work() -> Any:
    return working


async def _until(check: Callable[[], Any], what: str, within: float = 30.0) -> Any:
    deadline = asyncio.get_running_loop().time() + within
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not within {within} s: {what}"
        await asyncio.sleep(0.01)


@pytest.fixture
def until() -> Any:
    return _until


class Acme:
    """One workspace with an endpoint."""

    def __init__(self, service, key):
        self.service, self.key, self.hook = service, key, {}

    async def post(self, path, status=202, **body):
        answer = await self.service.client.post(path, json=body, headers=self.key)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def change(self, endpoint, **fields):
        path = f"/v1/webhooks/{endpoint['id']}"
        answer = await self.service.client.patch(path, json=fields, headers=self.key)
        assert answer.status_code == 200, answer.text

    async def get(self, path):
        answer = await self.service.client.get(path, headers=self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deliveries(self, **query):
        return await self.deliveries_of(self.hook, **query)

    async def deliveries_of(self, hook, **query):
        path = f"/v1/webhooks/{hook['id']}/deliveries"
        return (await self.service.client.get(path, params=query, headers=self.key)).json()["items"]

    async def only(self, status=None):
        (item,) = await self.deliveries()
        return item if status in (None, item["status"]) else None

    def advance(self, seconds):
        self.service.clock.advance(seconds)
        self.service.db.wakeups.fire(QUEUE_TABLE)

    @property
    def engine(self):
        return self.service.db.wakeups.takers.get(QUEUE_TABLE)

    async def owners(self):
        async with self.service.db.transaction(Context(workspace="acme")) as session:
            return list(await session.scalars(text("SELECT owner FROM delivery_queue")))

    async def happen(self, *events):
        return await deliver(self.service.db, WEBHOOKS, *events)


@pytest.fixture
async def acme(service, hook):
    made = Acme(service, await service.key())
    made.hook = await made.post("/v1/webhooks", 201, url=hook.url, event_types=["*"])
    return made


@pytest.fixture
async def told(acme, hook):
    """Return what makes an endpoint of a format, and the bot that it calls."""
    await acme.change(acme.hook, status="disabled")

    async def make(format, *, most=1_000, secret=..., **fields):
        right = SECRETS.get(format)
        bot = Bot(format, acme.service.clock.now, secret=right, most=most)
        hook.answer = bot.answer
        given = right if secret is ... else secret
        # the clock of tests stands still, and with it what a rate allows
        body = {"url": f"{hook.url}?access_token=t0ken", "format": format, "rate_limit": 1_000} | fields
        acme.hook = await acme.post("/v1/webhooks", 201, **body | ({"bot_secret": given} if given else {}))
        return bot

    return make


@pytest.fixture
async def fifo(acme, hook, until):
    """Have the endpoint get the events of each stream in order."""
    await acme.change(acme.hook, ordering="stream")
    return Fifo(acme, hook, until)


OK = b"250 OK"


class Script:
    """A mail server that answers each step as it is told, else well; a step is a command, or its end of an address.

    An answer is bytes, or what makes them of the line that was sent. `lines` are all that came.
    """

    def __init__(self):
        self.answers, self.extensions, self.asked, self.taken = {}, (b"SMTPUTF8", b"8BITMIME"), 0, []
        self.lines = []
        self.url = ""

    async def serve(self, reader, writer):
        self.asked += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader, writer):
        line = b""

        def say(answer):
            writer.write((answer(line) if callable(answer) else answer) + b"\r\n")

        say(self.answers.get("greeting", b"220 here"))
        while line := await reader.readline():
            self.lines.append(line.strip().decode())
            step = line.split(b" ")[0].strip().decode().upper()
            if step == "EHLO" and "EHLO" not in self.answers:
                say(b"\r\n".join(b"250-" + name for name in (b"here", *self.extensions)) + b"\r\n250 HELP")
                continue
            if step == "RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                say(self.answers.get(recipient, OK))
                continue
            if step == "DATA" and "DATA" not in self.answers:
                say(b"354 go on")
                content = await reader.readuntil(b"\r\n.\r\n")
                said = self.answers.get("end", OK)
                if said == OK:
                    self.taken.append((recipient, content))
                say(said)
                continue
            say(self.answers.get(step, OK))
            if step == "QUIT":
                return


@asynccontextmanager
async def scripted():
    script = Script()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()


@pytest.fixture
async def script():
    async with scripted() as made:
        yield made


HELLO = MessageContent(locale="en", subject="Hello", body="hello")


class Post:
    """A workspace with people, and what became of messages to them."""

    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path, body=None, status=(200, 201, 204)):
        answer = await self.service.client.request(method, path, json=body, headers=self.key)
        assert answer.status_code in status, answer.text
        return answer.json() if answer.content else None

    async def person(self, user="u1", **fields):
        await self.call("PUT", f"/v1/recipients/{user}", {"email": f"{user}@example.test"} | fields)

    async def prefer(self, user="u1", *, quiet=None, **topics):
        wanted = [{"topic": topic, "channel": "email", "is_on": is_on} for topic, is_on in topics.items()]
        body = {"topics": wanted, "quiet_hours": quiet and {"start": quiet[0], "end": quiet[1]}}
        await self.call("PUT", f"/v1/recipients/{user}/preferences", body)

    async def topic(self, key, **fields):
        return await self.call("POST", "/v1/notification-topics", {"key": key, "name": key} | fields)

    async def send(self, *users, topic=None, workspace="acme"):
        data = MessageRequested(
            campaign_id=uuid4(),
            message_id=uuid4(),
            channel="email",
            user_ids=list(users),
            contents=[HELLO],
            topic=topic,
        )
        await deliver(self.service.db, MESSAGES, make_event(data, workspace=workspace))
        found = await self.call("GET", f"/v1/notifications?message_id={data.message_id}")
        return {row["user_id"]: row for row in found["items"]}

    async def became(self, *users, topic=None):
        return {user: row["reason"] or row["status"] for user, row in (await self.send(*users, topic=topic)).items()}

    async def claim(self):
        ask = Ask(
            now=self.service.clock.now(), owner=self.service.runtime.boot_id, limit=100, share=100, full=[], held={}
        )
        async with self.service.db.transaction() as session:
            return {mail.user_id: mail.decision for mail in await claim_mails(session, ask, per_workspace=100)}


@pytest.fixture
async def post(service):
    return Post(service, await service.key())


@pytest.fixture
async def reaching(service, hook, until):
    return Reaching(service, await service.key(), hook, until)
