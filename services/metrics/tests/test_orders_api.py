"""Orders and refunds through the door: once each, exact, never more back than was paid, and nobody's once somebody is erased."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.orders import rules, service
from opsloop_metrics.orders.consumers import ERASURES
from opsloop_metrics.people.consumers import ERASURES as PEOPLE_ERASURES
from services.metrics.tests.shop import Shop, a_refund, an_order, refunds_of


@pytest_asyncio.fixture
async def shop(world):
    return Shop(world)


def erasure(*user_ids):
    return make_event(UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids)))


async def test_an_order_is_kept_as_it_was_told(shop):
    given = an_order("订单-1", 1999, user_id="用户", kind="subscription", product="专业版", source="商店")

    made = await shop.world.send("POST", "/v1/orders", json=given)

    assert made.status_code == 201
    order = made.json()
    assert {name: order[name] for name in given} == given
    assert order["refunded"] == {"amount": 0, "currency": "CNY"}
    beside = await shop.world.send("GET", made.headers["location"].replace("orders/", "/v1/orders/", 1))
    assert beside.json() == (await shop.get("订单-1")).json() == order


async def test_told_again_it_counts_once(shop):
    first = await shop.order("o1")

    assert await shop.order("o1", expect=200) == first
    assert [item["order_id"] for item in (await shop.world.get("/v1/orders"))["items"]] == ["o1"]


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "u2"},
        {"total": {"amount": 1001, "currency": "CNY"}},
        {"total": {"amount": 1000, "currency": "USD"}},
        {"ordered_at": "2026-03-01T10:00:01Z"},
        {"kind": "renewal"},
        {"product": "another"},
        {"source": "another"},
    ],
    ids=str,
)
async def test_another_order_of_the_same_id_is_refused(shop, other):
    first = await shop.order("o1")

    await shop.world.post("/v1/orders", an_order("o1") | other, 409)

    assert (await shop.get("o1")).json() == first


async def test_the_same_order_by_two_senders_at_once_is_one(shop):
    answers = await asyncio.gather(*(shop.world.send("POST", "/v1/orders", json=an_order("o1")) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1


NO_ORDERS = [
    ({"order_id": ""}, "/order_id"),
    ({"order_id": ".."}, "/order_id"),
    ({"user_id": "a\x00"}, "/user_id"),
    ({"total": {"amount": -1, "currency": "CNY"}}, "/total/amount"),
    ({"total": {"amount": 10**13 + 1, "currency": "CNY"}}, "/total/amount"),
    ({"total": {"amount": 19.99, "currency": "CNY"}}, "/total/amount"),
    ({"total": {"amount": "1999", "currency": "CNY"}}, "/total/amount"),
    ({"total": {"amount": 1, "currency": "cny"}}, "/total/currency"),
    ({"total": {"amount": 1, "currency": "ZZZ"}}, "/total/currency"),
    ({"total": {"amount": 1}}, "/total/currency"),
    ({"total": 1999}, "/total"),
    ({"ordered_at": "2026-03-01"}, "/ordered_at"),
    ({"kind": "gift"}, "/kind"),
    ({"product": "a" * 201}, "/product"),
    ({"price": 1}, "/price"),
]


async def test_what_is_no_order(shop, subtests):
    for wrong, pointer in NO_ORDERS:
        with subtests.test(wrong=wrong):
            problem = await shop.world.post("/v1/orders", an_order("o1") | wrong, 422)

            assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_the_list_is_paged_and_narrowed(shop):
    await shop.order("o1", 1, "03-01T10:00")
    await shop.order("o2", 2, "03-02T10:00", user_id="u2")
    await shop.order("o3", 3, "03-03T10:00", currency="JPY")

    async def listed(**params):
        return [item["order_id"] for item in (await shop.world.get("/v1/orders", **params))["items"]]

    assert await listed() == ["o3", "o2", "o1"]
    assert await listed(user_id="u1") == ["o3", "o1"]
    assert await listed(currency="CNY") == ["o2", "o1"]
    assert await listed(**{"from": "2026-03-02T10:00:00Z"}) == ["o3", "o2"]
    assert await listed(to="2026-03-02T10:00:00Z") == ["o1"]
    page = await shop.world.get("/v1/orders", limit=2)
    assert await listed(limit=2, cursor=page["next_cursor"]) == ["o1"]


async def test_refunds_never_exceed_the_total(shop):
    """1000 − 300 − 700 = 0: of an order of 1000, 701 are too much after 300, and 1 after 700 more."""
    await shop.order("o1", 1000)
    await shop.refund("o1", "r1", 300, reason="太小")
    refused = await shop.refund("o1", "r2", 701, expect=409)
    assert (refused["left"], refused["detail"]) == (
        {"amount": 700, "currency": "CNY"},
        "The order has 700 of 1000 minor units left to refund.",
    )
    await shop.refund("o1", "r2", 700, "03-03T10:00")
    assert (await shop.refund("o1", "r3", 1, expect=409))["left"] == {"amount": 0, "currency": "CNY"}

    assert (await shop.get("o1")).json()["refunded"] == {"amount": 1000, "currency": "CNY"}
    found = (await shop.world.get(refunds_of("o1")))["items"]
    assert [(each["refund_id"], each["amount"]["amount"], each["reason"]) for each in found] == [
        ("r2", 700, None),
        ("r1", 300, "太小"),
    ]


async def test_refunds_at_once_never_exceed_the_total(shop):
    """Ten refunds of 300 at once of an order of 1000: three fit, 100 are left."""
    await shop.order("o1", 1000)

    answers = await asyncio.gather(
        *(shop.world.send("POST", refunds_of("o1"), json=a_refund(f"r{number}", 300)) for number in range(10))
    )

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 7
    assert {str(answer.json()["left"]["amount"]) for answer in answers if answer.status_code == 409} == {"100"}
    assert (await shop.get("o1")).json()["refunded"]["amount"] == 900


async def test_the_database_holds_refunds_to_the_total_as_well(shop):
    await shop.order("o1", 1000)

    with pytest.raises(IntegrityError):
        async with shop.world.api.db.transaction(Context("acme")) as session:
            await session.execute(text("UPDATE customer_order SET refunded_minor = 1001"))


async def test_a_refund_told_again_counts_once_and_another_is_refused(shop):
    await shop.order("o1", 1000)
    await shop.order("o2", 1000)
    first = await shop.refund("o1", "r1", 1000)

    assert await shop.refund("o1", "r1", 1000, expect=200) == first
    await shop.refund("o1", "r1", 999, expect=409)
    await shop.refund("o1", "r1", 1000, expect=409, reason="another")
    await shop.refund("o2", "r1", 5)  # ids of refunds are an order's own

    assert (await shop.get("o1")).json()["refunded"]["amount"] == 1000


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"amount": {"amount": 1, "currency": "USD"}}, 409),
        ({"amount": {"amount": 0, "currency": "CNY"}}, 422),
        ({"amount": {"amount": -5, "currency": "CNY"}}, 422),
        ({"refund_id": ""}, 422),
        ({"refunded_at": None}, 422),
    ],
    ids=str,
)
async def test_what_cannot_go_back(shop, wrong, status):
    await shop.order("o1", 1000)

    await shop.world.post(refunds_of("o1"), a_refund("r1", 1) | wrong, status)

    assert (await shop.world.get(refunds_of("o1")))["items"] == []


async def test_ids_with_slashes_have_a_path(shop):
    await shop.order("2026/03/1", 1000)
    await shop.refund("2026/03/1", "r/1", 5)

    assert (await shop.get("2026/03/1")).json()["refunded"]["amount"] == 5
    assert len((await shop.world.get(refunds_of("2026/03/1")))["items"]) == 1


async def test_what_is_not_there(shop):
    await shop.refund("o1", "r1", 1, expect=404)
    assert (await shop.get("o1")).status_code == 404
    assert (await shop.world.send("GET", refunds_of("o1"))).status_code == 404


async def test_another_workspace_sees_nothing_and_has_ids_of_its_own(shop):
    await shop.order("o1")
    other = Shop(shop.world)
    shop.world.headers = await shop.world.api.key("metrics:read", "metrics:write", workspace="other")

    assert (await shop.world.get("/v1/orders"))["items"] == []
    await other.refund("o1", "r1", 1, expect=404)
    await other.order("o1", 5, user_id="u9")


async def test_the_orders_of_the_erased_are_nobodys_and_books_add_up(shop):
    await shop.order("o1", 1000)
    await shop.refund("o1", "r1", 400, reason="her own words")
    await shop.order("o2", 500, user_id="u2")

    for _ in range(2):  # heard twice it is the same
        await deliver(shop.world.api.db, ERASURES, erasure("u1", "a1"))

    order = (await shop.get("o1")).json()
    assert (order["user_id"], order["total"]["amount"], order["refunded"]["amount"]) == (None, 1000, 400)
    [refund] = (await shop.world.get(refunds_of("o1")))["items"]
    assert (refund["amount"]["amount"], refund["reason"]) == (400, None)
    assert (await shop.get("o2")).json()["user_id"] == "u2"


async def test_what_is_told_of_the_erased_is_refused(shop):
    await shop.order("o1")
    await deliver(shop.world.api.db, PEOPLE_ERASURES, erasure("u1"))
    await deliver(shop.world.api.db, ERASURES, erasure("u1"))

    refused = await shop.order("o1", expect=409)
    assert "erased" in refused["detail"]
    await shop.order("o2", expect=409)
    await shop.order("o2", user_id="u2")


@pytest.mark.parametrize("heard", [(PEOPLE_ERASURES,), (PEOPLE_ERASURES, ERASURES)], ids=["on its way", "forgotten"])
async def test_a_refund_of_the_erased_has_no_reason_and_told_again_is_the_same(shop, heard):
    """Before orders hear of the erasure, and after: 400 of before and 100 of afterwards went back, each once."""
    await shop.order("o1", 1000)
    await shop.refund("o1", "r1", 400, reason="her own words")
    for each in heard:
        await deliver(shop.world.api.db, each, erasure("u1"))

    await shop.refund("o1", "r1", 400, expect=200, reason="her own words")
    await shop.refund("o1", "r1", 399, expect=409, reason="her own words")
    assert (await shop.refund("o1", "r2", 100, reason="more of them"))["reason"] is None
    await shop.refund("o1", "r2", 100, expect=200, reason="more of them")

    assert (await shop.get("o1")).json()["refunded"]["amount"] == 500


async def test_a_key_that_may_only_read_writes_nothing(shop):
    shop.world.headers = await shop.world.api.key("metrics:read")

    await shop.order("o1", expect=403)
    await shop.refund("o1", "r1", 1, expect=403)


async def test_an_erasure_that_cannot_be_read_changes_nothing(shop):
    await shop.order("o1")
    poison = erasure("u1").model_copy(update={"data": {"user_ids": None}})

    with pytest.raises(ValidationError):
        await deliver(shop.world.api.db, ERASURES, poison)

    assert (await shop.get("o1")).json()["user_id"] == "u1"


async def test_an_erasure_in_another_workspace_is_none_here(shop):
    await shop.order("o1")
    gone = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])

    await deliver(shop.world.api.db, ERASURES, make_event(gone, workspace="other"))

    assert (await shop.get("o1")).json()["user_id"] == "u1"


@pytest.mark.parametrize("order_id", ["o/refunds", "o/refunds/refunds", "/refunds"])
async def test_an_order_that_is_called_like_a_list_of_refunds_has_an_address(shop, order_id):
    await shop.order("o")
    made = await shop.order(order_id)
    await shop.refund(order_id, "r1", 100)

    assert (await shop.get(order_id)).json()["order_id"] == made["order_id"] == order_id
    assert [item["refund_id"] for item in (await shop.world.get(refunds_of(order_id)))["items"]] == ["r1"]
    assert (await shop.world.get(refunds_of("o")))["items"] == []


WAITING = text(
    "SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
    "WHERE NOT l.granted AND a.datname = current_database()"
)
FILE, MOMENT = uuid7(), datetime(2026, 3, 1, tzinfo=UTC)


async def told_of(db, *order_ids):
    """Tell of orders of u1 as a file does, in another order than that of their ids."""
    async with db.transaction(Context("acme")) as session:
        for order_id in order_ids:
            order = rules.Order(order_id, "u1", rules.Money(1000, "CNY"), MOMENT)
            await service.record_order(session, order, import_id=FILE)


async def somebody_waits(db):
    for _ in range(300):
        async with db.transaction() as session:
            if (await session.execute(WAITING)).scalar_one():
                return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def refund(session, order_id):
    given = rules.Refund("r1", rules.Money(1, "CNY"), MOMENT, "太小")
    await service.record_refund(session, order_id, given)


@pytest.mark.parametrize("several", ["forget", "take back"])
async def test_who_locks_many_orders_and_a_file_of_refunds_never_wait_for_each_other_in_a_ring(shop, several):
    """The file has the first order and wants the second; the other, which finds the second first in the table, waits for the first."""
    db = shop.world.api.db
    await told_of(db, "订单b", "订单a")

    async def lock_many():
        async with db.transaction(Context("acme")) as session:
            if several == "forget":
                await service.forget_people(session, ["u1"])
            else:
                await service.take_back(session, FILE)

    async with db.transaction(Context("acme")) as session:
        await refund(session, "订单a")
        other = asyncio.create_task(lock_many())
        await somebody_waits(db)
        await refund(session, "订单b")
    await other

    left = (await shop.world.get("/v1/orders"))["items"]
    assert {(item["order_id"], item["user_id"]) for item in left} == (
        {("订单a", None), ("订单b", None)} if several == "forget" else set()
    )
