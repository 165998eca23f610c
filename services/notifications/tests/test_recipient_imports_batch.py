"""Many recipients in one request, and which address replaces which."""

from uuid import uuid4

import pytest
from sqlalchemy import event

from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.consent.consumers import CONTACTS
from services.notifications.tests.recipient_files import files

__all__ = ["files"]

GROUND = {"source": "checkout 2025", "at": "2025-06-01T00:00:00Z"}


def told(items):
    return [(each["user_id"], each["status"]) for each in items]


async def test_valid_rows_land_together_and_an_invalid_one_refuses_only_itself(files):
    rows = [
        {"user_id": "u1", "email": "u1@example.test", "locale": "zh-CN", "time_zone": "Asia/Shanghai"},
        {"user_id": "u2", "email": "nobody", "locale": "x y", "nickname": "x"},
        {"email": "u3@example.test"},
        {"user_id": "u4", "consent": {"source": "form", "at": "2999-01-01T00:00:00Z"}},
        "not a row",
        {"user_id": "a/b c"},
    ]
    items = await files.batch(*rows)

    assert told(items) == [
        ("u1", "created"), ("u2", "invalid"), (None, "invalid"), ("u4", "invalid"), (None, "invalid"), ("a/b c", "created"),
    ]  # fmt: skip
    pointers = [[error["pointer"] for error in each["errors"]] for each in items]
    assert pointers[1] == ["/nickname"]
    assert (pointers[2], pointers[3]) == (["/user_id"], ["/consent/at"])
    assert await files.person("u1", "state", "locale") == ("unconfirmed", "zh-CN")
    assert not await files.is_known("u2")


async def test_it_is_the_same_however_often_it_comes(files):
    rows = [{"user_id": f"u{place}", "email": f"u{place}@example.test"} for place in range(50)]
    first = await files.batch(*rows, consent=GROUND)
    again = await files.batch(*rows, consent=GROUND)
    other = await files.batch(*[rows[0] | {"locale": "fr"}, *rows[1:]], consent=GROUND)

    assert {status for _, status in told(first)} == {"created"}
    assert {status for _, status in told(again)} == {"existing"}
    assert [status for _, status in told(other)] == ["updated"] + ["existing"] * 49
    assert files.answer.status_code == 200
    shown = await files.person("u1")
    assert (shown["state"], shown["consent"], shown["is_by_hand"]) == ("confirmed", GROUND, True)


async def test_one_person_may_be_named_twice(files):
    items = await files.batch(
        {"user_id": "u1", "name": "first"}, {"user_id": "u2"}, {"user_id": "u1", "name": "second", "locale": "en"}
    )
    assert told(items) == [("u1", "created"), ("u2", "created"), ("u1", "updated")]
    assert await files.person("u1", "name", "locale") == ("second", "en")


async def test_a_person_who_is_named_a_thousand_times_is_written_once(files):
    statements = []
    event.listen(
        files.service.db.engine.sync_engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    items = await files.batch(*[{"user_id": "u1", "name": f"name {place // 2}"} for place in range(1_000)])

    assert [status for _, status in told(items)] == ["created", "existing", *["updated", "existing"] * 499]
    assert await files.person("u1", "name") == ("name 499",)
    assert len([each for each in statements if each.startswith("UPDATE recipient ")]) == 1
    assert len(statements) < 60, "a few for all, not some for each"


async def test_what_is_left_out_stays_and_null_forgets(files):
    whole = {"email": "u1@example.test", "locale": "en", "name": "n", "time_zone": "Europe/Paris"}
    await files.call("PUT", "/v1/recipients/u1", 201, json=whole)
    await files.batch({"user_id": "u1", "name": None})
    assert await files.person("u1", "email", "state", "locale", "name", "time_zone") == (
        "u1@example.test", "confirmed", "en", None, "Europe/Paris",
    )  # fmt: skip
    await files.batch({"user_id": "u1", "email": None})
    assert await files.person("u1", "email", "state") == (None, "confirmed")


OLD, NEW = "old@example.test", "new@example.test"


@pytest.mark.parametrize(
    ("state", "row", "email", "after", "kept"),
    [
        ("confirmed", {"email": NEW}, OLD, "confirmed", True),
        ("confirmed", {"email": NEW, "consent": GROUND}, NEW, "confirmed", False),
        ("confirmed", {"email": OLD}, OLD, "confirmed", False),
        ("unconfirmed", {"email": NEW}, NEW, "unconfirmed", False),
        ("unconfirmed", {"email": OLD}, OLD, "unconfirmed", False),
        ("unconfirmed", {"email": OLD, "consent": GROUND}, OLD, "confirmed", False),
        ("unconfirmed", {"locale": "en", "consent": GROUND}, OLD, "unconfirmed", False),
        ("bounced", {"email": OLD, "consent": GROUND}, OLD, "bounced", False),
        ("bounced", {"email": NEW}, NEW, "unconfirmed", False),
        ("bounced", {"email": NEW, "consent": GROUND}, NEW, "confirmed", False),
    ],
)
async def test_which_address_replaces_which(files, state, row, email, after, kept):
    said = "unconfirmed" if state == "unconfirmed" else "confirmed"
    await files.call("PUT", "/v1/recipients/u1", 201, json={"email": OLD, "state": said})
    if state == "bounced":
        await files.call("POST", "/v1/suppressions", 201, json={"address": OLD, "reason": "hard_bounce"})

    [item] = await files.batch({"user_id": "u1", "name": "n"} | row)

    assert (item["status"], item["kept_address"]) == ("updated", kept)
    assert await files.person("u1", "email", "state", "name") == (email, after, "n")


@pytest.mark.parametrize(
    ("row", "follows"),
    [({"name": "n"}, True), ({"topics": {"a": True}}, True), ({"locale": "fr"}, False), ({"email": OLD}, False)],
)
async def test_who_is_only_named_goes_on_following_what_is_heard(files, row, follows):
    await files.batch({"user_id": "u1"} | row)
    heard = UserContactChanged(contact_id=uuid4(), user_id="u1", email=NEW, locale="en")
    await deliver(files.service.db, CONTACTS, make_event(heard))

    shown = await files.person("u1", "email", "is_by_hand")
    assert shown == ((NEW, False) if follows else (row.get("email"), True))


async def test_another_address_ends_the_ground_of_the_old_one(files):
    await files.batch({"user_id": "u1", "email": OLD, "consent": GROUND})
    await files.call("PATCH", "/v1/recipients/u1", json={"locale": "en"})
    assert await files.person("u1", "consent") == (GROUND,)
    await files.call("PATCH", "/v1/recipients/u1", json={"email": NEW})
    assert await files.person("u1", "state", "consent") == ("confirmed", None)


async def test_what_a_person_said_of_a_topic_stays(files):
    await files.batch({"user_id": "u1", "topics": {"news": False, "offers": True}})
    wanted = [{"topic": "news", "channel": "email", "is_on": False}]
    await files.call("PUT", "/v1/recipients/u1/preferences", json={"topics": wanted, "quiet_hours": None})

    await files.batch({"user_id": "u1", "topics": {"news": True, "offers": False}})

    shown = (await files.call("GET", "/v1/recipients/u1/preferences"))["topics"]
    assert [(each["topic"], each["is_on"]) for each in shown] == [("news", False), ("offers", False)]
    told = [event.data for event in await files.service.events() if event.type == "recipient.unsubscribed"]
    assert [(each["user_id"], each["topic"], each["by"]) for each in told] == [
        ("u1", "news", "api"), ("u1", "offers", "api"),
    ]  # fmt: skip


async def test_the_audit_log_tells_of_each_without_addresses(files):
    await files.batch({"user_id": "u1", "email": OLD, "consent": GROUND}, {"user_id": "u2", "email": NEW})
    admin = await files.service.key("notifications:admin")
    log = (await files.service.client.get("/v1/audit", headers=admin)).json()["items"]

    assert [entry["action"] for entry in log].count("recipient.created") == 2
    assert "@example.test" not in str(log)
    assert "checkout" not in str(log)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"user_id": "u1"}] * 1_001},
        {"items": [{"user_id": "u1"}], "consent": {"source": "x"}},
        {"items": [{"user_id": "u1"}], "consent": {"source": "x", "at": "2999-01-01T00:00:00Z"}},
        {"items": {"user_id": "u1"}},
    ],
)
async def test_malformed(files, body):
    await files.call("POST", "/v1/recipients:batch", 422, json=body)
    assert not await files.is_known("u1")


async def test_who_may(files, service):
    body = {"items": [{"user_id": "u1", "email": NEW}]}
    reader = await service.key("notifications:read")
    post = service.client.post
    assert (await post("/v1/recipients:batch", json=body)).status_code == 401
    assert (await post("/v1/recipients:batch", json=body, headers=reader)).status_code == 403
    assert (await post("/v1/recipients:batch", json=body, headers=await service.publishable())).status_code == 403
    other = await service.key(workspace="b")
    assert (await post("/v1/recipients:batch", json=body, headers=other)).status_code == 200
    assert not await files.is_known("u1")


async def test_an_unconfirmed_address_gets_nothing_before_it_is_confirmed(files, post):
    await files.batch({"user_id": "u1", "email": NEW}, {"user_id": "u2", "email": OLD, "consent": GROUND})
    assert await post.became("u1", "u2") == {"u1": "not_confirmed", "u2": "pending"}


async def test_a_key_is_answered_once(files):
    key = {"Idempotency-Key": "k1"}
    body = {"items": [{"user_id": "u1", "name": "n"}]}
    first = await files.call("POST", "/v1/recipients:batch", json=body, headers=key)
    again = await files.call("POST", "/v1/recipients:batch", json=body, headers=key)
    assert first == again
    assert files.answer.headers["idempotency-replayed"] == "true"
