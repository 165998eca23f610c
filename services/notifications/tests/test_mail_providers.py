"""Several mail servers: the preferred sends, the next while it takes nothing from us, and no mail goes out twice."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from opsloop_common.http.probes import readiness
from opsloop_common.settings import BadSettings
from opsloop_common.testing.clock import FakeClock
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.mail.pacing import Pace
from opsloop_notifications.mail.service import PINNED, REMEMBERED, MailServer, Ways
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.conftest import Post, scripted

ONE, TWO = UUID(int=1), UUID(int=2)
AWAY = "smtp://127.0.0.1:2"


def ways(count=2):
    shown = {}
    clock = FakeClock()
    servers = [MailServer(f"smtp://mx{number}.example.test:25") for number in range(count)]
    return Ways(servers, clock, show=shown.__setitem__), clock, shown


def names(found):
    return [way.server.name.partition(".")[0] for way in found]


def test_the_preferred_comes_first_and_what_takes_nothing_is_left_out_for_a_while():
    found, clock, shown = ways()
    assert names(found.open_to(ONE, "acme")) == ["mx0", "mx1"]

    first, second = list(found.open_to(ONE, "acme"))
    first.hold.begin("421 4.7.0")

    assert names(found.open_to(ONE, "acme")) == ["mx1"]
    assert (found.until(), found.are_all_waiting) == (None, False)
    assert shown == {"mx0.example.test:25": True}

    second.hold.begin("no answer")
    assert names(found.open_to(ONE, "acme")) == []
    assert found.until() == clock.now() + timedelta(seconds=30)
    assert found.are_all_waiting
    assert "421 4.7.0" in found.why("acme", ONE)

    clock.advance(31)
    assert names(found.open_to(ONE, "acme")) == ["mx0", "mx1"]


def test_what_stops_one_while_a_mail_goes_from_way_to_way_is_seen():
    found, _, _ = ways()
    going = found.open_to(ONE, "acme")
    first = next(going)
    _, second = found.open_to(TWO, "acme")

    first.hold.begin("no answer")
    second.hold.begin("no answer")

    assert list(going) == []


def test_a_workspace_waits_where_no_server_takes_its_mail():
    found, _, _ = ways()
    first, second = found.open_to(ONE, "acme")

    first.hold.begin("550", "acme")
    assert found.held_workspaces() == []
    assert names(found.open_to(ONE, "other")) == ["mx0", "mx1"]

    second.hold.begin("550", "acme")
    assert found.held_workspaces() == ["acme"]
    assert found.until() is None


def test_what_one_may_have_taken_is_asked_for_there_alone_for_an_hour():
    found, clock, _ = ways()
    first, _ = found.open_to(ONE, "acme")
    found.pin(ONE, first)
    found.pin(ONE, list(found.open_to(TWO, "acme"))[1])  # what came first stays
    first.hold.begin("no answer")

    assert names(found.open_to(ONE, "acme")) == []
    assert found.until("acme", ONE) == clock.now() + timedelta(seconds=30)
    assert names(found.open_to(TWO, "acme")) == ["mx1"]

    clock.advance(PINNED.total_seconds() + 1)
    assert names(found.open_to(ONE, "acme")) == ["mx0", "mx1"]

    found.pin(TWO, first)
    found.settle(TWO)
    assert names(found.open_to(TWO, "acme")) == ["mx0", "mx1"]


def test_not_everything_is_remembered_for_ever():
    found, _, _ = ways()
    first, _ = found.open_to(ONE, "acme")
    for number in range(REMEMBERED + 1):
        found.pin(UUID(int=number), first)

    assert names(found.open_to(UUID(int=0), "acme")) == ["mx0", "mx1"]
    assert names(found.open_to(UUID(int=REMEMBERED), "acme")) == ["mx0"]


async def test_readiness_tells_of_one_that_others_stand_in_for():
    found, _, _ = ways()
    assert (await found.mail()).ok
    first, second = found.open_to(ONE, "acme")

    first.hold.begin("535 5.7.8")
    one = await found.mail()
    second.hold.begin("no answer")
    both = await found.mail()

    assert (one.ok, one.essential) == (False, False)
    assert "1 of 2 mail servers" in one.detail
    assert "535 5.7.8" in one.detail
    assert "of 2" not in both.detail


@pytest.mark.parametrize(("rate", "asked", "least"), [(None, 100, 0.0), (50, 60, 0.18), (1_000, 50, 0.0)])
async def test_a_pace_lets_a_seconds_worth_through_and_then_so_many_a_second(rate, asked, least):
    pace = Pace(rate)
    began = time.monotonic()

    await asyncio.gather(*(pace.wait() for _ in range(asked)))

    assert least <= time.monotonic() - began < least + 2, "10 of 60 wait, of which the last for a fifth of a second"


class Several:
    """A service with several mail servers, each of which does as it is told."""

    def __init__(self, service, key, scripts):
        self.service, self.scripts, self.post = service, scripts, Post(service, key)

    async def people(self, count):
        users = [f"u{number}" for number in range(count)]
        for user in users:
            await self.post.person(user)
        return users

    async def rows(self):
        return (await self.post.call("GET", "/v1/notifications"))["items"]

    async def are_sent(self, count):
        return sum(row["status"] == "sent" for row in await self.rows()) == count

    async def is_tried(self):
        return any(row["attempt_count"] for row in await self.rows())

    def taken(self):
        return [sorted(recipient for recipient, _ in script.taken) for script in self.scripts]

    def advance(self, seconds):
        self.service.clock.advance(seconds)
        self.service.db.wakeups.fire(QUEUE_TABLE)

    def metric(self, name, place):
        server = self.scripts[place].url.removeprefix("smtp://")
        return self.service.runtime.registry.get_sample_value(name, {"server": server})


@pytest.fixture
async def several(api):
    async with AsyncExitStack() as stack:
        scripts = [await stack.enter_async_context(scripted()) for _ in range(2)]
        urls = f"{scripts[0].url}, {scripts[1].url}?rate=1000"
        service = await api(SERVICE, settings_for_tests(NotificationsSettings, smtp_url=urls))
        yield Several(service, await service.key(), scripts)


@pytest.mark.parametrize(
    ("step", "answer"),
    [("greeting", b"554 5.7.1 no"), ("MAIL", b"530 5.7.0 sign in"), ("greeting", b"421 4.3.2 closing")],
)
async def test_the_next_sends_while_one_takes_nothing_and_the_first_again_when_it_is_back(
    several, work, until, step, answer
):
    first, second = several.scripts
    users = await several.people(5)
    first.answers[step] = answer
    async with work(several.service, dispatch_mails):
        await several.post.send(*users)
        await until(lambda: several.are_sent(5), "sent by the second")
        _, checks = await readiness(several.service.runtime)
        assert several.taken() == [[], [f"{user}@example.test" for user in users]]
        assert several.metric("opsloop_mail_server_held", 0) == 1
        assert several.metric("opsloop_mail_server_mails_total", 1) == 5
        assert several.service.runtime.registry.get_sample_value("opsloop_mails_held") == 0

        first.answers.clear()
        second.taken.clear()
        several.advance(31)
        await several.post.send(*users)
        await until(lambda: several.are_sent(10), "sent by the first")

    assert several.taken() == [[f"{user}@example.test" for user in users], []]
    assert several.metric("opsloop_mail_server_held", 0) == 0
    (check,) = [check for check in checks if check.name == "mail"]
    assert "1 of 2 mail servers" in check.detail
    assert {row["attempt_count"] for row in await several.rows()} == {1}, "a server that takes nothing costs no try"


def lost(line):
    raise ConnectionResetError


@pytest.mark.parametrize("answer", [b"x" * 200, lost], ids=["no SMTP", "lost"])
async def test_what_one_may_have_taken_goes_to_no_other(several, work, until, answer):
    first, second = several.scripts
    (user,) = await several.people(1)
    first.answers["end"] = answer
    async with work(several.service, dispatch_mails):
        await several.post.send(user)
        await until(several.is_tried, "a try ended")
        first.answers |= {"greeting": b"421 4.3.2 closing", "MAIL": b"421 4.3.2 closing"}
        several.advance(120)
        await until(lambda: several.metric("opsloop_mail_server_held", 0) == 1, "the first takes nothing")
        first.answers.clear()
        several.advance(120)
        await until(lambda: several.are_sent(1), "sent")

    assert second.lines == []
    assert len(first.taken) == 1


async def test_a_refusal_of_a_recipient_is_final_at_the_first(several, work, until):
    first = several.scripts[0]
    users = await several.people(2)
    first.answers["u0@example.test"] = b"550 5.1.1 no such user"
    async with work(several.service, dispatch_mails):
        await several.post.send(*users)

        async def ended():
            return {row["status"] for row in await several.rows()} == {"sent", "failed"}

        await until(ended, "ended")

    assert several.taken() == [["u1@example.test"], []]


async def test_one_that_is_away_is_stood_in_for(api, script, work, until):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, smtp_url=f"{AWAY},{script.url}"))
    several = Several(service, await service.key(), [script])
    users = await several.people(3)
    async with work(service, dispatch_mails):
        await several.post.send(*users)
        await until(lambda: several.are_sent(3), "sent")

    assert several.taken() == [[f"{user}@example.test" for user in users]]


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("smtp://a", ["smtp://a"]),
        ("smtp://a:25?rate=50 , smtps://u:p%2Cq@b", ["smtp://a:25?rate=50", "smtps://u:p%2Cq@b"]),
        ("smtp://u:p,q@a", ["smtp://u:p,q@a"]),
        (None, []),
    ],
)
def test_servers_are_named_in_their_order(value, urls):
    assert settings_for_tests(NotificationsSettings, smtp_url=value).smtp_urls == urls


@pytest.mark.parametrize(
    "value",
    [
        "smtp://a,b",
        "smtp://a,http://b",
        "smtp://a?rate=0",
        "smtp://a?rate=x",
        "smtp://a?speed=5",
        "smtp://a?rate=1&rate=2",
    ],
)
def test_a_server_that_is_none_is_refused(value):
    with pytest.raises(BadSettings, match="OPSLOOP_SMTP_URL: entry"):
        settings_for_tests(NotificationsSettings, smtp_url=value)
