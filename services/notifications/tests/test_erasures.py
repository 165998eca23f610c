"""Somebody was erased: no address, nothing that was sent, and nothing that waits to be."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import ERASURES, MESSAGES

TABLES = ("recipient", "notification", "notification_queue", "message")
HELLO = [MessageContent(locale="en", subject="Hello", body="MARK, hello")]


def erased(*user_ids, **envelope):
    return make_event(UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids)), **envelope)


def request(*user_ids, **envelope):
    data = MessageRequested(
        campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=list(user_ids), contents=HELLO
    )
    return make_event(data, **envelope)


@pytest.fixture
async def mailing(service):
    service.headers = await service.key()
    for user in ("MARK", "stays"):
        body = {"email": f"{user}@example.test", "locale": "zh-CN"}
        await service.client.put(f"/v1/recipients/{user}", json=body, headers=service.headers)
    return service


async def rows(service, workspace="acme"):
    """Return what each table holds, as text."""
    async with service.db.transaction(Context(workspace=workspace)) as session:
        return {
            table: [row[0] for row in await session.execute(text(f"SELECT t::text FROM {table} AS t"))]
            for table in TABLES
        }


async def test_nothing_of_them_is_left_and_others_are_told(mailing):
    await deliver(mailing.db, MESSAGES, request("MARK"), request("MARK", "stays"), request("stays", "nobody"))

    assert await deliver(mailing.db, ERASURES, erased("MARK", "another id of theirs")) == 1

    left = await rows(mailing)
    assert [len(left[table]) for table in TABLES] == [
        1,
        3,
        2,
        2,
    ]  # 1 waits of each of two messages; nobody has no address
    assert not any("MARK@" in row or ",MARK," in row for table in TABLES for row in left[table])
    gone = await mailing.client.get("/v1/recipients/MARK", headers=mailing.headers)
    assert gone.status_code == 404


async def test_twice_is_once_and_foreign_workspaces_keep_theirs(mailing):
    await deliver(mailing.db, MESSAGES, request("MARK"), request("MARK", workspace="other"))
    before = await rows(mailing, "other")

    for _ in range(2):
        await deliver(mailing.db, ERASURES, erased("MARK"))

    assert [len(each) for each in (await rows(mailing)).values()] == [1, 0, 0, 0]
    assert await rows(mailing, "other") == before


async def test_the_audit_log_says_that_one_went_and_not_who(mailing):
    await deliver(mailing.db, ERASURES, erased("MARK"))

    admin = await mailing.key("notifications:admin")
    log = (await mailing.client.get("/v1/audit", headers=admin)).json()["items"]

    told = [entry["subject"] for entry in log if entry["action"].startswith("recipient.")]
    assert len(told) == 3
    assert len(set(told)) == 2, "one subject for each person, whatever is done"
    assert "MARK" not in str(log)
