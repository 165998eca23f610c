"""Digests on their way out: through consent as it is then, in batches, without what was taken back, and forgotten at last."""

from uuid import uuid4

from opsloop_common.contracts.users import UserErased
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.app import SERVICE
from opsloop_notifications.digest_mails import service as digest_mails
from opsloop_notifications.messages.consumers import ERASURES
from services.notifications.tests.test_digests import DAILY, HOUR, digests

__all__ = ["digests"]


async def test_consent_is_asked_again_when_it_goes_out(digests):
    await digests.tell("u1", "u2")
    await digests.post.prefer("u1", news=False)
    await digests.post.prefer("u2", quiet=("08:30", "10:00"))
    await digests.pass_by(HOUR)

    assert await digests.rows(user_id="u1") == ["unsubscribed", "unsubscribed"]
    failed = [event.data["reason"] for event in await digests.service.events() if event.type == "notification.failed"]
    assert failed == ["unsubscribed"] * 2
    assert await digests.mails() == {}
    digests.service.clock.advance(HOUR)
    assert list(await digests.mails()) == ["u2"]


async def test_a_throttle_holds_for_single_ones_alone(digests):
    await digests.post.topic("tips", digest=DAILY, throttle={"count": 1, "window": "PT12H"})
    for _ in range(3):
        await digests.tell("u1", topic="tips")
    await digests.pass_by(HOUR)
    assert (await digests.rows(user_id="u1")).count("gathered") == 3
    assert list(await digests.mails()) == ["u1"]


async def test_keys_are_gathered_apart(digests):
    contents = [{"locale": "en", "email": {"subject": "S", "body": "b"}}]
    body = {"contents": contents, "user_ids": ["u1"], "channels": ["email"], "topic": "news"}
    for key in ("a", "b", "a", None):
        await digests.post.call("POST", "/v1/messages", body | {"digest_key": key})
    assert sorted(each["key"] for each in await digests.items()) == ["", "a", "b"]
    await digests.pass_by(HOUR)
    assert await digests.scalar("SELECT count(*) FROM notification_queue") == 3


async def test_what_is_taken_back_is_not_in_it(digests):
    first = await digests.tell("u1", subject="Taken")
    await digests.tell("u2")
    gone = await digests.post.call("POST", f"/v1/messages/{first}/cancel")
    assert gone == {"cancelled": 1}
    await digests.pass_by(HOUR)
    assert (list(await digests.mails()), await digests.rows(user_id="u1")) == (["u2"], ["cancelled"])


async def test_what_is_paused_when_it_goes_out_goes_out_by_itself_later(digests):
    paused = await digests.tell("u1", "u2", subject="Paused")
    again = await digests.tell("u1", subject="Again")
    await digests.tell("u1", subject="Hello")
    for message in (paused, again):
        await digests.post.call("POST", f"/v1/messages/{message}/pause")
    await digests.post.call("POST", f"/v1/messages/{again}/resume")
    await digests.pass_by(HOUR)

    assert (list(await digests.mails()), await digests.rows(user_id="u2")) == (["u1"], ["pending"])
    assert sorted(await digests.rows(user_id="u1")) == ["gathered", "gathered", "pending", "pending"]
    assert await digests.rows(message_id=paused) == ["pending", "pending"]
    await digests.post.call("POST", f"/v1/messages/{paused}/resume")
    assert sorted(await digests.mails()) == ["u1", "u2"]


async def test_of_who_is_erased_nothing_goes_out(digests):
    await digests.tell("u1", "u2")
    await deliver(
        digests.service.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    )
    await digests.pass_by(HOUR)
    assert ([each["user_id"] for each in await digests.items()], list(await digests.mails())) == (["u2"], ["u2"])


async def test_many_people_in_batches(digests, monkeypatch):
    monkeypatch.setattr(digest_mails, "BATCH", 7)
    people = [{"user_id": f"p{place}", "email": f"p{place}@example.test"} for place in range(40)]
    ground = {"source": "form", "at": "2025-01-01T00:00:00Z"}
    await digests.post.call("POST", "/v1/recipients:batch", {"items": people, "consent": ground})
    for place in range(2):
        await digests.tell(*(each["user_id"] for each in people), subject=f"S{place}")
    await digests.pass_by(HOUR)
    assert await digests.scalar("SELECT count(*) FROM notification_queue") == 40
    assert await digests.scalar("SELECT count(*) FROM notification WHERE status = 'gathered'") == 80


async def test_it_is_forgotten_with_what_it_held(digests):
    await digests.tell("u1")
    await digests.pass_by(HOUR)
    digests.service.clock.advance(31 * 24 * HOUR)
    await run_recurring(digests.service.db, [kind for kind in SERVICE.due if kind.name == "notifications.forget_old"])
    assert await digests.items() == []
    assert await digests.scalar("SELECT count(*) FROM notification WHERE status = 'gathered'") == 0
