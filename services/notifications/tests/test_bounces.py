"""Mails that come back: recognised as ours, counted once, and what follows for the address."""

import asyncio
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from opsloop_common.clock import rfc3339
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.bounces.consumers import ERASURES
from opsloop_notifications.bounces.rules import SOFT_BOUNCES, SOFT_DAYS
from opsloop_notifications.bounces.service import forget_reports
from opsloop_notifications.messages.consumers import ERASURES as OF_MESSAGES
from opsloop_notifications.returns.rules import PURPOSE, message_id, return_path
from services.notifications.tests.test_bounces_reading import FAILED, arf, dsn

REPORTS, BOUNCES = "/v1/mail/reports", "/v1/mail/bounces"
FULL = FAILED.replace("5.1.1", "5.2.2")


class Box:
    """A mailbox that gets what comes back."""

    def __init__(self, post):
        self.post, self.service = post, post.service
        self.sign = partial(self.service.runtime.secrets.digest, purpose=PURPOSE)

    async def mailed(self, user="u1", **fields):
        """Write to somebody and return the notification's id."""
        if fields.pop("is_new", True):
            await self.post.person(user, **fields)
        return UUID((await self.post.send(user))[user]["id"])

    def message_id(self, id):
        return f"<{message_id(id, 'acme', self.sign)}@localhost>"

    def came_back(self, id, recipients=FAILED, **parts):
        return dsn(recipients, returned=f"Message-ID: {self.message_id(id)}\n\nhello\n", **parts)

    async def report(self, mail, status=200, **headers):
        given = self.post.key | {"Content-Type": "message/rfc822"} | headers
        answer = await self.service.client.post(REPORTS, content=mail, headers=given)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def bounced(self, *items, status=200):
        items = [{"at": rfc3339(self.service.clock.now())} | item for item in items]
        return (await self.post.call("POST", BOUNCES, {"items": items}, status=(status,))).get("items")

    async def reports(self, **query):
        answer = await self.service.client.get(REPORTS, params=query, headers=self.post.key)
        return answer.json()["items"]

    async def suppressed(self):
        return {row["address"]: row["reason"] for row in (await self.post.call("GET", "/v1/suppressions"))["items"]}

    async def told(self):
        return [event for event in await self.service.events() if event.type == "recipient.suppressed"]


@pytest.fixture
async def box(post):
    return Box(post)


async def test_a_hard_bounce_suppresses_the_address_and_tells_of_it_once(box):
    id = await box.mailed()

    first, again = [await box.report(box.came_back(id)) for _ in range(2)]

    said = {"type": "hard", "notification_id": str(id)}
    assert first == said | {"outcome": "recorded", "is_suppressed": True}
    assert again == said | {"outcome": "repeated", "is_suppressed": False}
    assert await box.suppressed() == {"u1@example.test": "hard_bounce"}
    assert (await box.post.call("GET", "/v1/recipients/u1"))["state"] == "bounced"
    assert await box.post.became("u1") == {"u1": "suppressed"}
    (told,) = await box.told()
    assert (told.data["user_id"], told.data["reason"]) == ("u1", "hard_bounce")
    (row,) = await box.reports()
    assert (row["type"], row["source"], row["status"], row["user_id"]) == ("hard", "dsn", "5.1.1", "u1")


async def test_a_complaint_suppresses_the_address(box):
    id = await box.mailed()

    taken = await box.report(arf(returned=f"Message-ID: {box.message_id(id)}\n"))

    assert (taken["type"], taken["is_suppressed"]) == ("complaint", True)
    assert await box.suppressed() == {"u1@example.test": "complaint"}


async def test_the_address_that_returns_go_to_is_enough(box):
    id = await box.mailed()
    to = return_path("bounces@example.test", id, "acme", box.sign)

    taken = await box.report(dsn(to=to, returned="", returned_type="text/plain"))

    assert (taken["outcome"], taken["notification_id"]) == ("recorded", str(id))


async def test_soft_bounces_are_counted_and_several_within_two_weeks_are_an_address_that_takes_none(box):
    await box.mailed()
    for number in range(1, SOFT_BOUNCES + 1):
        id = await box.mailed(is_new=False)
        taken = await box.report(box.came_back(id, FULL))
        again = await box.report(box.came_back(id, FULL))
        assert (taken["outcome"], again["outcome"]) == ("recorded", "repeated")
        assert taken["is_suppressed"] is (number == SOFT_BOUNCES)

    assert await box.suppressed() == {"u1@example.test": "soft_bounce"}
    assert (await box.post.call("GET", "/v1/recipients/u1"))["state"] == "bounced"


async def test_soft_bounces_of_long_ago_do_not_count(box):
    await box.mailed()
    for _ in range(SOFT_BOUNCES - 1):
        await box.report(box.came_back(await box.mailed(is_new=False), FULL))
    box.service.clock.advance(timedelta(days=SOFT_DAYS, seconds=1).total_seconds())

    await box.report(box.came_back(await box.mailed(is_new=False), FULL))

    assert await box.suppressed() == {}


async def test_at_once_each_counts_and_the_address_is_suppressed_once(box):
    await box.mailed()
    ids = [await box.mailed(is_new=False) for _ in range(SOFT_BOUNCES)]

    taken = await asyncio.gather(*(box.report(box.came_back(id, FULL)) for id in ids for _ in range(2)))

    assert sorted(each["outcome"] for each in taken) == ["recorded"] * SOFT_BOUNCES + ["repeated"] * SOFT_BOUNCES
    assert sum(each["is_suppressed"] for each in taken) == 1
    assert len(await box.told()) == 1


async def test_nobody_else_can_make_one_up(box):
    id = await box.mailed()
    await box.mailed("victim")
    forged = dsn(FAILED.replace("u1@", "victim@"), returned=f"Message-ID: <{id}@localhost>\n")
    of_u1 = box.came_back(id, FAILED.replace("u1@", "victim@"))

    assert (await box.report(forged))["outcome"] == "unknown"
    assert (await box.report(of_u1))["is_suppressed"] is True

    assert await box.suppressed() == {"u1@example.test": "hard_bounce"}, "whatever address the report names"


async def test_one_of_another_workspace_is_unknown(box):
    id = await box.mailed()
    theirs = await box.service.key(workspace="other")

    assert (await box.report(box.came_back(id), **theirs))["outcome"] == "unknown"
    assert await box.suppressed() == {}


async def test_what_is_no_report_changes_nothing(box):
    id = await box.mailed()
    no_report = {"outcome": "no_report", "type": None, "notification_id": None, "is_suppressed": False}

    for mail in ("", "Subject: Out of office\n\nback on Monday", box.came_back(id, "Action: delayed\nStatus: 4.4.1\n")):
        assert await box.report(mail) == no_report
    assert await box.reports() == []


async def test_it_is_taken_as_a_mail_in_a_bounded_size_by_whoever_may(box):
    id = await box.mailed()
    mail = box.came_back(id)

    await box.report(mail, 415, **{"Content-Type": "application/json"})
    await box.report(mail + "x" * 1024 * 1024, 413)
    await box.report(mail, 403, **await box.service.key("notifications:read"))
    await box.report(mail, **await box.service.key("notifications:report"))
    assert len(await box.reports()) == 1


async def test_an_idempotency_key_stands_for_one_mail(box):
    id = await box.mailed()
    key = {"Idempotency-Key": "k1"}

    assert await box.report(box.came_back(id), **key) == await box.report(box.came_back(id), **key)
    await box.report(box.came_back(id) + "\n", 422, **key)


async def test_late_reports_are_unknown_when_the_mail_is_forgotten(box):
    id = await box.mailed()
    async with box.service.db.transaction(Context(workspace="acme")) as session:
        now = box.service.clock.now()
        await box.report(box.came_back(await box.mailed("u2")))
        assert await forget_reports(session, now, limit=10) == 0
        assert await forget_reports(session, now + timedelta(seconds=1), limit=10) == 1
    erased = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    await deliver(box.service.db, OF_MESSAGES, erased)

    assert (await box.report(box.came_back(id)))["outcome"] == "unknown"


async def test_who_is_erased_leaves_no_report(box):
    await box.report(box.came_back(await box.mailed("u1")))
    await box.report(box.came_back(await box.mailed("u2")))
    erased = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))

    for _ in range(2):
        await deliver(box.service.db, ERASURES, erased)

    assert [row["user_id"] for row in await box.reports()] == ["u2"]


async def test_a_provider_names_the_mail_or_the_address(box):
    id = await box.mailed("u1")
    await box.mailed("u2")

    taken = await box.bounced(
        {"type": "hard", "message_id": box.message_id(id), "detail": "no such user"},
        {"type": "complaint", "recipient": "U2@example.test"},
        {
            "type": "hard",
            "recipient": "stranger@example.test",
            "message_id": "<somebody@elsewhere.test>",
            "detail": "x",
        },
        {"type": "hard", "message_id": str(uuid4())},
        {"type": "hard", "message_id": str(id), "recipient": "forwarded@example.test"},
    )

    assert [each["outcome"] for each in taken] == ["recorded", "recorded", "recorded", "unknown", "repeated"]
    assert await box.suppressed() == {
        "u1@example.test": "hard_bounce",
        "U2@example.test": "complaint",
        "stranger@example.test": "hard_bounce",
    }
    assert {row["user_id"]: row["detail"] for row in await box.reports(type="hard")} == {
        "u1": "no such user",
        None: None,
    }
    assert [row["notification_id"] for row in await box.reports(user_id="u1")] == [str(id)]
    assert len(await box.reports(notification_id=str(id))) == 1


async def test_a_provider_that_repeats_itself_changes_nothing(box):
    said = {"type": "soft", "recipient": "u1@example.test", "at": rfc3339(box.service.clock.now())}

    assert [each["outcome"] for each in await box.bounced(said, said)] == ["recorded", "repeated"]
    assert [each["outcome"] for each in await box.bounced(said)] == ["repeated"]
    assert len(await box.reports()) == 1


async def test_what_was_lifted_stays_lifted_when_an_old_report_comes_again(box):
    said = {"type": "hard", "recipient": "u1@example.test", "at": rfc3339(box.service.clock.now())}
    await box.bounced(said)
    (row,) = (await box.post.call("GET", "/v1/suppressions"))["items"]
    await box.post.call("DELETE", f"/v1/suppressions/{row['id']}")

    await box.bounced(said)

    assert await box.suppressed() == {}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "hard"},
        {"type": "bad", "recipient": "u1@example.test"},
        {"type": "hard", "recipient": "u1@example.test", "at": "yesterday"},
        {"type": "hard", "recipient": "=?utf-8?q?u1?=@example.test"},
    ],
)
async def test_what_says_nothing_is_refused(box, item):
    await box.bounced(item, status=422)
    await box.bounced(*[{"type": "soft", "recipient": "u1@example.test"}] * 201, status=422)


@pytest.mark.parametrize(
    ("kind", "reason", "state"), [("hard", "hard_bounce", "bounced"), ("complaint", "complaint", "complained")]
)
async def test_what_comes_back_after_its_owner_wanted_no_more_counts(box, kind, reason, state):
    id = await box.mailed()
    await box.post.call(
        "POST", "/v1/suppressions", {"address": "u1@example.test", "reason": "unsubscribe"}, status=(201,)
    )

    (taken,) = await box.bounced({"type": kind, "message_id": box.message_id(id)})

    assert taken["is_suppressed"]
    assert await box.suppressed() == {"u1@example.test": reason}
    assert (await box.post.call("GET", "/v1/recipients/u1"))["state"] == state
