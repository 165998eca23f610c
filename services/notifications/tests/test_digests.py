"""Messages that are held for a person and go out as one mail, whatever happens between."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.db import Context
from opsloop_common.due.tables import due as due_table
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.app import SERVICE
from opsloop_notifications.digest_mails import service as digest_mails
from opsloop_notifications.digests.service import SEND
from opsloop_notifications.messages.consumers import MESSAGES

DAILY = {"every": "day", "at": "09:00"}
KINDS = [kind for kind in SERVICE.due if kind.name == SEND]
HOUR = 3_600


class Digests:
    """A workspace whose topic `news` comes daily; it is 08:00 UTC there."""

    def __init__(self, post):
        self.post, self.service = post, post.service

    async def tell(self, *users, subject="Hello", topic="news", message_id=None):
        data = MessageRequested(
            campaign_id=uuid4(), message_id=message_id or uuid4(), channel="email", user_ids=list(users), topic=topic,
            contents=[MessageContent(locale="en", subject=subject, body=f"{subject} body")],
        )  # fmt: skip
        await deliver(self.service.db, MESSAGES, make_event(data))
        return data.message_id

    async def pass_by(self, seconds, **given):
        self.service.clock.advance(seconds)
        await run_due(self.service.db, KINDS, **given)

    async def rows(self, **query):
        found = await self.post.call("GET", "/v1/notifications?" + "&".join(f"{k}={v}" for k, v in query.items()))
        return [row["reason"] or row["status"] for row in found["items"]]

    async def items(self, **query):
        found = await self.post.call("GET", "/v1/digests?" + "&".join(f"{k}={v}" for k, v in query.items()))
        return found["items"]

    async def mails(self):
        """Return the mails that would go out now, by person."""
        return await self.post.claim()

    async def scalar(self, sql):
        async with self.service.db.transaction(Context("acme")) as session:
            return (await session.execute(text(sql))).scalar_one()


@pytest.fixture
async def digests(post):
    now = post.service.clock.now()
    post.service.clock.advance((8 - now.hour) % 24 * HOUR - now.minute * 60 - now.second)
    for user in ("u1", "u2"):
        await post.person(user, locale="en")
    made = Digests(post)
    made.topic = await post.topic("news", digest=DAILY, name="News", name_zh="新闻")
    return made


async def test_what_is_held_goes_out_as_one_mail_at_the_end_of_the_window(digests):
    first = await digests.tell("u1", subject="First")
    await digests.tell("u1", subject="Second")
    assert await digests.rows(user_id="u1") == ["pending", "pending"]
    assert await digests.mails() == {}
    [item] = await digests.items()
    assert (item["user_id"], item["topic"], item["key"], item["sent_at"]) == ("u1", "news", "", None)
    [held] = (await digests.post.call("GET", f"/v1/notifications?message_id={first}"))["items"]
    assert (held["digest_id"], held["deferred_until"]) == (item["id"], item["ends_at"])

    await digests.pass_by(HOUR - 1)
    assert await digests.mails() == {}
    await digests.pass_by(1)

    assert list(await digests.mails()) == ["u1"]
    assert await digests.rows(message_id=item["id"]) == ["pending"]
    assert await digests.rows(message_id=first) == ["gathered"]
    sent = [event for event in await digests.service.events() if event.type == "notification.sent"]
    assert len(sent) == 2
    contents = await digests.scalar(f"SELECT contents FROM message WHERE id = '{item['id']}'")
    assert [each["subject"] for each in contents] == ["News: 2 messages", "新闻：2 条消息"]
    assert contents[0]["body"].index("First") < contents[0]["body"].index("Second")


async def test_two_requests_at_once_make_one_digest_and_a_repeated_one_adds_nothing(digests):
    message_id = uuid4()
    await asyncio.gather(
        *(digests.tell("u1", "u2", subject=f"S{place}") for place in range(6)),
        *(digests.tell("u2", "u1", message_id=message_id) for _ in range(3)),
    )
    await digests.pass_by(HOUR)
    await digests.pass_by(0)

    assert sorted(each["user_id"] for each in await digests.items()) == ["u1", "u2"]
    assert sorted(await digests.mails()) == ["u1", "u2"]
    assert await digests.scalar("SELECT count(*) FROM notification WHERE status = 'gathered'") == 14


async def test_what_comes_after_it_went_out_is_of_the_next_window(digests):
    await digests.tell("u1")
    [item] = await digests.items()
    await digests.pass_by(HOUR)
    digests.service.clock.advance(-1)  # a process whose clock is behind
    await digests.tell("u1", subject="Late")

    [late, out] = await digests.items()
    assert (out["id"], out["sent_at"] is None, late["sent_at"]) == (item["id"], False, None)
    assert late["ends_at"][:10] > out["ends_at"][:10]
    await digests.pass_by(24 * HOUR + 1)
    assert await digests.scalar("SELECT count(*) FROM digest WHERE sent_at IS NULL") == 0


async def test_a_crash_between_makes_no_second_one_and_loses_none(digests, monkeypatch):
    await digests.tell("u1", "u2")
    monkeypatch.setenv(failpoints.VARIABLE, "notifications.digests_made:raise:1")
    with pytest.raises(failpoints.Struck):
        await digests.pass_by(HOUR)
    assert await digests.mails() == {}
    assert await digests.rows() == ["pending", "pending"]
    monkeypatch.delenv(failpoints.VARIABLE)

    await digests.pass_by(60)
    async with digests.service.db.transaction(Context("acme")) as session:  # as if the row had not been taken away
        ends_at = (await digests.items())[0]["ends_at"]
        assert not await digest_mails.send_ended(session, digests.service.clock.now())
        left = (await session.execute(due_table.select().where(due_table.c.kind == SEND))).all()

    assert (sorted(await digests.mails()), left, ends_at is not None) == (["u1", "u2"], [], True)


async def test_people_choose_for_themselves(digests):
    wish = {"topic": "news", "channel": "email", "is_on": True}
    for user, digest in (("u1", {"every": "none"}), ("u2", {"every": "week", "at": "18:30", "weekday": "friday"})):
        body = {"topics": [wish | {"digest": digest}], "quiet_hours": None}
        shown = await digests.post.call("PUT", f"/v1/recipients/{user}/preferences", body)
        assert shown["topics"][0]["digest"]["every"] == digest["every"]
    await digests.tell("u1", "u2")

    assert list(await digests.mails()) == ["u1"]
    [item] = await digests.items()
    assert (item["user_id"], item["ends_at"][11:16]) == ("u2", "18:30")


@pytest.mark.parametrize(
    ("digest", "channel"),
    [
        ({"every": "month"}, "email"), ({"every": "day", "at": "9:00"}, "email"), ({"every": "day", "at": "24:00"}, "email"),
        ({"every": "week", "weekday": "Freitag"}, "email"), ({}, "email"), ({"every": "day"}, "inbox"),
    ],
)  # fmt: skip
async def test_a_wish_that_cannot_be(digests, digest, channel):
    wish = {"topic": "news", "channel": channel, "is_on": True, "digest": digest}
    await digests.post.call("PUT", "/v1/recipients/u1/preferences", {"topics": [wish]}, status=(422,))


async def test_it_goes_by_the_persons_zone(digests):
    await digests.post.person("u1", time_zone="Asia/Shanghai")
    await digests.tell("u1", "u2")
    assert {each["user_id"]: each["ends_at"][11:16] for each in await digests.items()} == {"u1": "01:00", "u2": "09:00"}


async def test_critical_topics_wait_for_nothing(digests):
    await digests.post.topic("outage", is_critical=True, digest=DAILY)
    await digests.tell("u1", topic="outage")
    assert (list(await digests.mails()), await digests.items()) == (["u1"], [])
