"""What CSAT hears: late, twice, out of order and together, of others and of other workspaces."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import FeedbackErased, FeedbackResolved
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.csat.consumers import ERASURES, QUESTIONS, RESOLVED
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.conftest import Desk
from services.feedback.tests.csat_authors import LI, PUBLIC, Asking


def resolved(id, **options):
    data = FeedbackResolved(
        feedback_id=id, number=1, resolution_seconds=1.0, author={"user_id": None, "verified": False}
    )
    return make_event(data, **options)


def delivery(message_id, channel, failure=None, **options):
    about = {"notification_id": uuid4(), "message_id": message_id, "user_id": "u1", "channel": channel}
    data = NotificationSent(**about) if failure is None else NotificationFailed(**about, reason=failure)
    return make_event(data, **options)


async def asked_in_report(asking):
    asking.clock.advance(1)
    return (await asking.desk.get("/v1/reports/csat"))["total"]["asked"]


async def test_of_what_is_not_there_or_not_resolved_nobody_is_asked(asking):
    item = await asking.desk.post(author=LI)
    await deliver(asking.desk.api.db, RESOLVED, resolved(uuid4()), resolved(item["id"]))
    asking.clock.advance(3_600)
    await run_due(asking.desk.api.db, SERVICE.due)

    assert await asking.asked() == []


async def test_an_event_of_another_workspace_asks_nobody_of_ours(asking):
    item = await asking.desk.post(author=LI)
    await asking.desk.patch(item["id"], status="resolved")
    await deliver(asking.desk.api.db, RESOLVED, resolved(item["id"], workspace="other"))
    asking.clock.advance(3_600)
    await run_due(asking.desk.api.db, SERVICE.due)

    assert await asking.asked() == []


async def test_what_is_heard_days_late_is_asked_at_once_and_once(asking):
    item = await asking.desk.post(author=LI)
    await asking.desk.patch(item["id"], status="resolved")
    asking.clock.advance(3 * 86_400)
    await asking.work(0)
    assert len(await asking.asked()) == 1

    await deliver(asking.desk.api.db, RESOLVED, resolved(item["id"], sequence=9))
    await asking.work(60)
    assert len(await asking.asked()) == 1


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_what_went_out_by_one_channel_went_out_in_whatever_order_it_is_told(asking, order, together):
    await asking.asked_link(author={"user_id": "u1"})
    [question] = await asking.asked()
    assert await asked_in_report(asking) == 1
    id = question["message_id"]
    told = [delivery(id, "email", "no_address"), delivery(id, "inbox")]
    ordered = [told[place] for place in order]

    if together:
        await deliver(asking.desk.api.db, QUESTIONS, *ordered, *ordered)
    else:
        for event in (*ordered, *ordered):
            await deliver(asking.desk.api.db, QUESTIONS, event)

    assert await asked_in_report(asking) == 1


async def test_what_did_not_go_out_was_not_asked_and_may_still_be_answered(asking):
    _, link = await asking.asked_link()
    [question] = await asking.asked()
    other = delivery(uuid4(), "email", "rejected")
    foreign = delivery(question["message_id"], "email", "rejected", workspace="other")
    await deliver(asking.desk.api.db, QUESTIONS, other, foreign)
    assert await asked_in_report(asking) == 1

    await deliver(asking.desk.api.db, QUESTIONS, delivery(question["message_id"], "email", "rejected"))
    assert await asked_in_report(asking) == 0
    await asking.send(link, "4")  # who found it another way did get it
    assert await asked_in_report(asking) == 1


async def test_an_erasure_elsewhere_leaves_ours(asking):
    item, link = await asking.asked_link()
    await asking.send(link, "2", "stays")
    data = FeedbackErased(erasure_id=uuid4(), feedback_ids=[item["id"]])

    await deliver(asking.desk.api.db, ERASURES, make_event(data, workspace="other"))
    assert [one["comment"] for one in await asking.said()] == ["stays"]
    await deliver(asking.desk.api.db, ERASURES, make_event(data))
    assert [(one["score"], one["comment"]) for one in await asking.said()] == [(2, None)]


async def test_two_who_begin_the_settings_at_once_are_a_first_and_a_second(asking):
    headers = await asking.desk.api.key("feedback:admin", "feedback:read", workspace="other")
    changes = ({"enabled": True}, {"delay": "PT2H"}, {"quiet": "P7D"})

    await asyncio.gather(
        *(asking.desk.client.patch("/v1/csat-settings", json=each, headers=headers) for each in changes)
    )

    found = (await asking.desk.client.get("/v1/csat-settings", headers=headers)).json()
    assert (found["enabled"], found["delay"], found["quiet"], found["version"]) == (True, "PT2H", "P7D", 3)


async def test_the_audit_log_knows_the_score_and_no_words(asking):
    _, link = await asking.asked_link()
    await asking.send(link, "1", "somebody wrote this")
    headers = await asking.desk.api.key("feedback:admin")

    log = (await asking.desk.client.get("/v1/audit", headers=headers)).text

    assert "csat_response.answered" in log
    assert "csat_settings.updated" in log
    assert "somebody wrote this" not in log


async def test_who_answers_the_mail_opens_the_post_again_and_the_question_waits(api):
    settings = settings_for_tests(FeedbackSettings, public_url=PUBLIC, reply_domain="mail.example.com")
    door = await api(SERVICE, settings)
    asking = Asking(Desk(door, await door.key("feedback:read", "feedback:write", "feedback:admin")))
    await asking.say(enabled=True)
    item, link = await asking.asked_link(channel="email", external_id="<first@example.test>")
    [question] = await asking.asked()

    assert question["reply_to"].endswith("@mail.example.com")
    assert question["body"].endswith("If it is not resolved, just answer this mail.")
    assert "<first@example.test>" in question["references"]
    await asking.desk.patch(item["id"], status="open")
    await asking.open(link, 404)


async def test_what_was_resolved_long_ago_is_asked_no_more(asking):
    item = await asking.desk.post(author=LI)
    await asking.desk.patch(item["id"], status="resolved")
    asking.clock.advance(91 * 86_400)
    await asking.work(0)

    assert await asking.asked() == []
