"""Who has no profile is erased all the same: buyers whom no event told of, and whoever is only reached."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import person_id
from opsloop_metrics.contacts.consumers import ERASURES as CONTACTS
from opsloop_metrics.orders.consumers import ERASURES as ORDERS
from services.metrics.tests.shop import Shop, refunds_of

BURIED = "SELECT count(*) FROM erased_person"
REACHED = "SELECT count(*) FROM contact"
_REACH = text(
    "INSERT INTO contact (workspace, user_id, means, value, said_at) VALUES ('acme', :id, 'email', 'v', now())"
)


@pytest.fixture
def shop(world):
    return Shop(world)


async def erase(shop, id="u1", **options):
    return await shop.world.send("DELETE", f"/v1/users/{id}", **options)


async def told(shop):
    return [event for event in await shop.world.api.events() if event.type == "user.erased"]


async def count(shop, sql):
    async with shop.world.api.db.transaction(Context("acme")) as session:
        return await session.scalar(text(sql))


async def reach(shop, id):
    async with shop.world.api.db.transaction(Context("acme")) as session:
        await session.execute(_REACH, {"id": id})


async def test_who_only_bought_is_erased_as_others_are(shop):
    await shop.order("o1", 1000)
    await shop.refund("o1", "r1", 400, reason="her own words")

    answer = await erase(shop)

    assert (answer.status_code, await count(shop, BURIED)) == (202, 1)
    [event] = await told(shop)
    assert (event.data["user_id"], event.data["user_ids"]) == ("u1", ["u1"])
    await run_due(shop.world.api.db, SERVICE.due)
    job = await shop.world.get(f"/v1/jobs/{answer.json()['job_id']}")
    assert (job["status"], job["done"]) == ("succeeded", 1)
    await deliver(shop.world.api.db, ORDERS, event)
    order = (await shop.get("o1")).json()
    assert (order["user_id"], order["refunded"]["amount"]) == (None, 400)
    assert [each["reason"] for each in (await shop.world.get(refunds_of("o1")))["items"]] == [None]
    await shop.order("o2", expect=409)


async def test_who_is_only_reached_is_erased_too(shop):
    await reach(shop, "u1")

    assert (await erase(shop)).status_code == 202
    [event] = await told(shop)
    await deliver(shop.world.api.db, CONTACTS, event)

    assert (await count(shop, REACHED), await count(shop, BURIED)) == (0, 1)


async def test_a_buyer_is_erased_once_however_often_it_is_asked(shop):
    """The orders have not heard of it yet when it is asked again."""
    await shop.order("o1")

    answers = await asyncio.gather(*(erase(shop) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [202, 404, 404, 404]
    assert len(await told(shop)) == 1


async def test_of_a_buyer_there_is_no_version(shop):
    await shop.order("o1")

    answer = await erase(shop, headers=shop.world.headers | {"If-Match": '"1"'})

    assert (answer.status_code, await told(shop), await count(shop, BURIED)) == (412, [], 0)


async def test_nobody_and_who_bought_elsewhere_is_not_found(shop):
    await shop.order("o1")
    assert (await erase(shop, "u2")).status_code == 404

    shop.world.headers = await shop.world.api.key("metrics:write", workspace="other")
    assert (await erase(shop)).status_code == 404
    assert (await told(shop), await count(shop, BURIED)) == ([], 0)


async def test_the_audit_log_says_that_a_buyer_was_erased_and_not_who(shop):
    await shop.order("o1", user_id=(id := f"buyer-{uuid4()}"))
    await erase(shop, id)

    log = await shop.world.send("GET", "/v1/audit", headers=await shop.world.api.key("metrics:admin"))

    [entry] = [each for each in log.json()["items"] if each["action"] == "person.deleted"]
    assert entry["subject"] == f"person/{person_id('acme', id)}"
    assert id not in str(entry)
