"""Scenario 12: a release note to many, each exactly once or with the reason why not, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from opsloop_common.limits import MAIL_CONNECTIONS
from opsloop_common.testing.due import run_due
from opsloop_common.testing.smtp import Mail, SmtpSink
from opsloop_notifications.app import SERVICE
from opsloop_notifications.digests.service import SEND
from services.notifications.tests.conftest import Post
from services.notifications.tests.test_in_app_stream import PATH, InboxStream
from tests.harness import Deployment, eventually

SMALL = 2_000
SOAK = int(os.environ.get("OPSLOOP_SOAK_PEOPLE", "50000"))
BATCH = 1_000
AT_ONCE = 16
NO_MAILBOX = "550 5.1.1 no such user"
IN_DOUBT = "in doubt"
"""A server fell silent after it had all of a mail: for an hour nobody else is asked to take it."""
PUBLIC = "https://ops.example.test"
CONTENTS = [
    {"locale": "en", "email": {"subject": "Release 7", "body": "What is new: **digests**."}},
    {"locale": "zh-CN", "email": {"subject": "第七版发布", "body": "新功能：**摘要**。"}},
]
SUBJECTS = {"en": "Release 7", "zh-CN": "第七版发布"}
ROWS = """
SELECT notification.user_id, status, reason, deferred_until, digest_id, due_at > clock_timestamp() AS is_later
  FROM notification LEFT JOIN notification_queue USING (id) WHERE notification.workspace = 'default'
"""


class TwoServers:
    """Two mail servers, of which the first is preferred; `url` names both."""

    def __init__(self, first: SmtpSink, second: SmtpSink, stack: AsyncExitStack) -> None:
        self.first, self.second, self._stack = first, second, stack

    @property
    def url(self) -> str:
        return f"{self.first.url},{self.second.url}"

    @property
    def mails(self) -> list[Mail]:
        return self.first.messages + self.second.messages

    async def reach(self, count: int) -> None:
        async def reached() -> bool:
            return len(self.mails) >= count

        await eventually(reached, within=600, every=0.01, what=f"{count} mails")

    async def lose_the_first(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def smtp_sink() -> AsyncIterator[TwoServers]:
    """Two servers in the place of one."""
    async with AsyncExitStack() as first, SmtpSink().running() as second:
        yield TwoServers(await first.enter_async_context(SmtpSink().running()), second, first)


@pytest.fixture
def deployment_settings() -> dict[str, str]:
    """Links of mails lead to https."""
    return {"OPSLOOP_PUBLIC_URL": PUBLIC}


class People:
    """Many people of many kinds: what is to become of each is known from their number."""

    def __init__(self, deployment: Deployment, count: int) -> None:
        self.client, self.count = deployment.client("notifications"), count
        # each day begins and ends half an hour from now, wherever: nobody's hour changes while a test runs
        self.minute = (datetime.now(UTC).minute + 30) % 60

    def kind(self, number: int) -> str:
        """Return what somebody of this number is like."""
        return {0: "off", 1: "quiet", 2: "unconfirmed", 3: "digest", 4: "suppressed"}.get(number % 20, "plain")

    @staticmethod
    def zone(number: int) -> int:
        """Return by how many hours the clock is ahead of UTC where they live: 24 zones."""
        return number // 20 % 24 - 12

    def wakes_at(self, number: int) -> datetime | None:
        """Return when the quiet hours end in which somebody is now, if in any: from 22 to 8, and some minutes."""
        here = datetime.now(UTC) + timedelta(hours=self.zone(number))
        today = here.replace(hour=8, minute=self.minute, second=0, microsecond=0)
        if here < today:
            return today - timedelta(hours=self.zone(number))
        evening = here.replace(hour=22, minute=self.minute, second=0, microsecond=0)
        return today + timedelta(days=1) - timedelta(hours=self.zone(number)) if here >= evening else None

    async def call(self, method: str, path: str, body: object, *statuses: int) -> httpx.Response:
        """Ask until there is an answer: with one key, a process may die in between."""
        key = uuid4().hex
        async with asyncio.timeout(120):
            while True:
                try:
                    answer = await self.client.request(method, path, json=body, headers={"Idempotency-Key": key})
                except httpx.TransportError:
                    await asyncio.sleep(0.1)  # it is starting
                    continue
                if answer.status_code in statuses:
                    return answer
                assert answer.status_code in (409, 429, 500, 503), answer.text
                await asyncio.sleep(0.1)  # it is starting

    async def arrive(self) -> None:
        """Make all of them known, with what they want."""
        await self.call(
            "POST", "/v1/notification-topics", {"key": "release", "name": "Release", "name_zh": "发布"}, 201
        )
        ground = {"source": "form", "at": "2025-01-01T00:00:00Z"}
        for first in range(0, self.count, BATCH):
            items = [self._row(number, ground) for number in range(first, min(first + BATCH, self.count))]
            answer = await self.call("POST", "/v1/recipients:batch", {"items": items}, 200)
            assert {item["status"] for item in answer.json()["items"]} == {"created"}
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._prefers(number, slots) for number in range(self.count)))

    def _row(self, number: int, ground: dict[str, str]) -> dict[str, object]:
        offset = self.zone(number)
        row = {"user_id": f"p{number}", "email": f"p{number}@example.test", "locale": ("en", "zh-CN")[number % 3 == 0]}
        row |= {"time_zone": f"Etc/GMT{-offset:+d}" if offset else "UTC"}  # POSIX counts the other way
        row |= {} if self.kind(number) == "unconfirmed" else {"consent": ground}
        return row | ({"topics": {"release": False}} if self.kind(number) == "off" else {})

    async def _prefers(self, number: int, slots: asyncio.Semaphore) -> None:
        daily = {"topic": "release", "channel": "email", "is_on": True, "digest": {"every": "day", "at": "09:00"}}
        quiet = {"start": f"22:{self.minute:02}", "end": f"08:{self.minute:02}"}
        path = f"/v1/recipients/p{number}/preferences"
        async with slots:
            match self.kind(number):
                case "quiet":
                    await self.call("PUT", path, {"topics": [], "quiet_hours": quiet}, 200)
                case "digest":
                    await self.call("PUT", path, {"topics": [daily], "quiet_hours": None}, 200)
                case "suppressed":
                    await self.call("POST", "/v1/suppressions", {"address": f"p{number}@example.test"}, 201)

    async def tell(self) -> None:
        """Send the note to all, a block of people at a time."""
        for first in range(0, self.count, BATCH):
            users = [f"p{number}" for number in range(first, min(first + BATCH, self.count))]
            body = {"user_ids": users, "channels": ["email"], "contents": CONTENTS, "topic": "release"}
            await self.call("POST", "/v1/messages", body, 201)

    def becomes(self, number: int) -> str:
        """Return what is to become of the note to somebody."""
        match self.kind(number):
            case "off":
                return "unsubscribed"
            case "unconfirmed":
                return "not_confirmed"
            case "suppressed":
                return "suppressed"
            case "digest":
                return "waits for the digest"
            case "quiet" if self.wakes_at(number):
                return "waits for the morning"
        return "sent"


def became(row) -> str:
    if row["status"] == "pending" and row["digest_id"]:
        return "waits for the digest"
    if row["status"] == "pending" and row["deferred_until"]:
        return "waits for the morning"
    if row["status"] == "pending" and row["is_later"]:
        return IN_DOUBT
    return row["reason"] or row["status"]


def differences(rows, expected: dict[str, str]) -> Counter[tuple[str, str]]:
    """Return what became of people otherwise than was expected, and how often."""
    pairs = [(became(row), expected[row["user_id"]]) for row in rows]
    return Counter(pair for pair in pairs if pair[0] != pair[1])


@pytest.mark.slow
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("count", [SMALL, pytest.param(SOAK, marks=pytest.mark.soak)])
async def test_12_a_release_note_comes_to_each_once_or_it_is_said_why_not(
    embedded_deployment: Deployment, smtp_sink: TwoServers, count: int
):
    people, process = People(embedded_deployment, count), embedded_deployment.processes["opsloop"]
    bounced = 13 + 20 * 5
    for sink in (smtp_sink.first, smtp_sink.second):
        sink.refuse(f"p{bounced}@example.test", *[NO_MAILBOX] * 10)
    await people.arrive()
    expected = {f"p{number}": people.becomes(number) for number in range(count)} | {f"p{bounced}": "rejected"}
    sent = Counter(expected.values())["sent"]

    telling = asyncio.create_task(people.tell())
    await smtp_sink.reach(sent // 5)
    written = sum(row["status"] == "sent" for row in await embedded_deployment.fetch("notifications", ROWS))
    process.kill9()
    before = len(smtp_sink.mails)
    in_flight = before - written
    process.start()
    await embedded_deployment.ready()
    await smtp_sink.reach(before + sent // 5)
    await smtp_sink.lose_the_first()
    by_first = len(smtp_sink.first.messages)
    await telling

    async def over() -> bool:
        rows = await embedded_deployment.fetch("notifications", ROWS)
        return len(rows) == count and set(differences(rows, expected)) <= {(IN_DOUBT, "sent")}

    try:
        await eventually(over, within=60 + count / 50, every=0.5, what="all are told or it is said why not")
    except AssertionError:
        rows = await embedded_deployment.fetch("notifications", ROWS)
        raise AssertionError(len(rows), differences(rows, expected)) from None
    rows = await embedded_deployment.fetch("notifications", ROWS)
    in_doubt = {row["user_id"] for row in rows if became(row) == IN_DOUBT}
    assert len(in_doubt) <= MAIL_CONNECTIONS, "what the lost server was taking waits for it, lest it comes twice"
    for row in rows:
        if became(row) == "waits for the morning":
            assert row["deferred_until"] == people.wakes_at(int(row["user_id"][1:]))
    to = Counter(mail.recipients[0].partition("@")[0] for mail in smtp_sink.mails)
    ids = {(mail.recipients[0], mail["Message-ID"]) for mail in smtp_sink.mails}
    meant = {user for user, end in expected.items() if end == "sent"}
    assert meant - in_doubt <= set(to) <= meant
    assert len(ids) == len(to), "what was mailed again after the kill is the same mail"
    repeats = len(smtp_sink.mails) - len(to)
    assert repeats <= in_flight, "what was taken and not yet written down"
    for mail in smtp_sink.mails:
        number = int(mail.recipients[0].partition("@")[0][1:])
        assert mail["Subject"] == SUBJECTS["zh-CN" if number % 3 == 0 else "en"]
    suppressed = await people.call("GET", "/v1/suppressions?limit=1", None, 200)
    assert (suppressed.json()["items"][0]["address"], suppressed.json()["items"][0]["reason"]) == (
        f"p{bounced}@example.test",
        "hard_bounce",
    )
    await leaves_by_one_click(embedded_deployment, people, smtp_sink.mails[-1])
    zones = {people.zone(number) for number in range(count)}
    print(
        f"12 {count} people in {len(zones)} zones: {dict(Counter(expected.values()))}, mails {by_first} and "
        f"{len(smtp_sink.second.messages)}, twice by the kill {repeats} of {in_flight} in flight, in doubt {len(in_doubt)}"
    )


async def leaves_by_one_click(deployment: Deployment, people: People, mail: Mail) -> None:
    """Leave as a mail program does, which has no cookies and asks nobody; whoever follows links changes nothing."""
    link = re.fullmatch(r"<(.+)>", mail["List-Unsubscribe"])[1]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link.startswith(PUBLIC)
    here = deployment.urls["notifications"].removesuffix("/api/notifications") + link.removeprefix(PUBLIC)
    path = f"/v1/recipients/{mail.recipients[0].partition('@')[0]}/preferences"
    async with httpx.AsyncClient(trust_env=False) as program:
        shown = await program.get(here)
        still = (await people.call("GET", path, None, 200)).json()["topics"]
        left = await program.post(here, data={"List-Unsubscribe": "One-Click"})
        assert not program.cookies
    wanted = (await people.call("GET", path, None, 200)).json()["topics"]
    assert (shown.status_code, left.status_code) == (200, 200), left.text
    assert [each["is_on"] for each in still if each["topic"] == "release"] in ([], [True])
    assert [each["is_on"] for each in wanted if each["topic"] == "release"] == [False]


async def test_12_quiet_hours_in_24_zones_end_at_each_ones_morning(post: Post):
    users = {f"z{offset}": offset for offset in range(-12, 12)}
    for user, offset in users.items():
        zone = f"Etc/GMT{-offset:+d}" if offset else "UTC"
        await post.person(user, time_zone=zone)
        await post.prefer(user, quiet=("22:00", "08:00"))
    await post.send(*users)

    told: dict[str, int] = {}
    for _ in range(25):
        now = post.service.clock.now()
        told |= {user: (now.hour + users[user]) % 24 for user in await post.claim() if user not in told}
        post.service.clock.advance(3_600)

    at_once = {user for user, hour in told.items() if hour != 8}
    begun = (post.service.clock.now() - timedelta(hours=25)).hour
    assert set(told) == set(users)
    assert all(8 <= hour < 22 for hour in told.values())
    assert at_once == {user for user, offset in users.items() if 8 < (begun + offset) % 24 < 22}
    print(
        f"12 quiet hours: {len(told)} zones, {len(at_once)} at once, {len(told) - len(at_once)} at 08:00 of their own"
    )


async def test_12_two_triggers_in_one_millisecond_make_one_digest(post: Post):
    daily = {"every": "day", "at": "09:00"}
    await post.topic("news", digest=daily, name="News", name_zh="新闻")
    users = [f"d{number}" for number in range(20)]
    for user in users:
        await post.person(user, locale="en")
    body = {
        "user_ids": users, "channels": ["email"], "contents": CONTENTS, "topic": "news", "digest_key": "release",
    }  # fmt: skip

    # the clock of the test stands still, so all of them are of one moment
    await asyncio.gather(*(post.call("POST", "/v1/messages", body) for _ in range(8)))
    held = (await post.call("GET", "/v1/digests?limit=200"))["items"]
    post.service.clock.advance(86_400)
    kinds = [kind for kind in SERVICE.due if kind.name == SEND]
    await asyncio.gather(*(run_due(post.service.db, kinds) for _ in range(2)))

    assert sorted(item["user_id"] for item in held) == sorted(users)
    assert {item["key"] for item in held} == {"release"}
    assert sorted(await post.claim()) == sorted(users)
    print(f"12 digests: 8 triggers in one moment to {len(users)} people, {len(held)} digests, one mail each")


async def test_12_an_inbox_goes_on_from_the_last_id_with_the_right_counts(service):
    key = await service.key()

    async def tell(*titles: str) -> None:
        for title in titles:
            contents = [{"locale": "en", "inbox": {"title": title, "body": "b"}}]
            body = {"user_ids": ["u1"], "channels": ["inbox"], "contents": contents}
            assert (await service.client.post("/v1/messages", json=body, headers=key)).status_code == 201

    def watch(after: int | None = None):
        given = key | {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": str(after)})
        return InboxStream.of(service.app, f"{PATH}/stream", given)

    await tell("one", "two")
    async with watch() as first:
        await first.until(lambda: first.counts == (2, 2), "the counts at the start")
        await tell("three")
        await first.until(lambda: first.counts == (3, 3), "a new one")
    await tell("four", "five")
    answer = await service.client.post(f"{PATH}/mark", json={"mark": "seen"}, headers=key)
    await tell("six")
    async with watch(first.last) as second:
        await second.until(lambda: second.counts == (1, 6), "what was missed")

    assert answer.status_code == 200
    assert {title for _, title, _ in second.entries} == {"one", "two", "three", "four", "five", "six"}
    assert [place for place, _, _ in second.entries] == sorted({place for place, _, _ in second.entries})
    print(f"12 inbox: resumed from {first.last}, {len(second.entries)} entries missed, 1 unseen and 6 unread of 6")
