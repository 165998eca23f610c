"""What orders come to, against the definitions in plain Python, over random shops whose people turn out to be one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from opsloop_common.db import Context
from opsloop_metrics.orders import service
from opsloop_metrics.orders.rules import Money, Order, Refund
from services.metrics.tests.people import absorb, identify

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 6
EDGES = [START + timedelta(days=day) for day in range(DAYS + 1)]
PEOPLE = ("u1", "u2", "u3", "~a1", "~a2", "用户")
CURRENCY = "CNY"


@dataclass
class Book:
    """What a shop did: orders with their refunds; of whom each id is."""

    orders: list[Order] = field(default_factory=list)
    refunds: dict[str, list[Refund]] = field(default_factory=dict)
    person: dict[str, str] = field(default_factory=lambda: {who: who for who in PEOPLE})
    erased: set[str] = field(default_factory=set)

    def mine(self, end: datetime) -> list[tuple[str | None, Order]]:
        """Return the orders in the currency before a time, with whose they are."""
        return [
            (None if order.user_id in self.erased else self.person[order.user_id], order)
            for order in self.orders
            if order.total.currency == CURRENCY and order.ordered_at < end
        ]

    def firsts(self, end: datetime) -> dict[str, datetime]:
        """Return when each person first bought."""
        found: dict[str, datetime] = {}
        for who, order in self.mine(end):
            if who is not None:
                found[who] = min(order.ordered_at, found.get(who, order.ordered_at))
        return found

    def sold(self, start: datetime, end: datetime, until: datetime) -> tuple[int, int, int, int]:
        """Return orders, gross, buyers and new buyers of `[start, end)`, looking no further than `until`."""
        here = [(who, order) for who, order in self.mine(until) if start <= order.ordered_at < end]
        firsts = self.firsts(until)
        buyers = {who for who, _ in here if who is not None}
        new = {who for who in buyers if start <= firsts[who] < end}
        return len(here), sum(order.total.amount for _, order in here), len(buyers), len(new)

    def lived(self, until: datetime) -> dict[tuple[int, int], int]:
        """Return the net of each cohort in each interval that anything happened in."""
        found: dict[tuple[int, int], int] = {}
        firsts = self.firsts(until)
        for who, order in self.mine(until):
            if who is None or firsts[who] < START:
                continue
            moves = [(order.ordered_at, order.total.amount)]
            moves += [
                (max(refund.refunded_at, order.ordered_at), -refund.amount.amount)
                for refund in self.refunds.get(order.order_id, [])
                if refund.refunded_at < until
            ]
            for at, amount in moves:
                key = (place(firsts[who]), place(at))
                found[key] = found.get(key, 0) + amount
        return found


def place(at: datetime) -> int:
    """Return in which interval a time lies."""
    return (at - START) // timedelta(days=1)


def a_book(chance: Random) -> Book:
    """Return what a shop may have done, from two days before the first interval to two after the last."""
    book = Book()
    for number in range(chance.randrange(1, 25)):
        at = START + timedelta(hours=chance.randrange(-48, 24 * (DAYS + 2)))
        total = Money(chance.choice([0, 1, 500, 999, 10**13]), chance.choice([CURRENCY, CURRENCY, "JPY"]))
        order = Order(f"o{number}", chance.choice(PEOPLE), total, at)
        book.orders.append(order)
        left = order.total.amount
        for part in range(chance.randrange(3)):
            amount = chance.randrange(1, left + 1) if left else 0
            if amount:
                back = at + timedelta(hours=chance.randrange(-24, 96))
                refund = Refund(f"r{part}", Money(amount, total.currency), back)
                book.refunds.setdefault(order.order_id, []).append(refund)
                left -= amount
    return book


async def kept(world, book: Book, chance: Random) -> None:
    """Tell of everything, in any order; then some people turn out to be one, and somebody is erased."""
    async with world.api.db.transaction(Context("acme")) as session:
        for order in chance.sample(book.orders, len(book.orders)):
            await service.record_order(session, order)
            for refund in book.refunds.get(order.order_id, []):
                await service.record_refund(session, order.order_id, refund)
    if chance.random() < 0.7:
        await absorb(world.api.db, identify("u1", "~a1"))
        book.person |= {"u1": "u1", "~a1": "u1"}
    if chance.random() < 0.3:
        book.erased = {"u3"}
        async with world.api.db.transaction(Context("acme")) as session:
            await service.forget_people(session, ["u3"])


@pytest.mark.parametrize("seed", [*range(12), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(12, 40))])
async def test_random_shops_come_to_what_is_defined(world, seed):
    chance = Random(seed)
    book = a_book(chance)
    await kept(world, book, chance)
    until = EDGES[-1] - timedelta(hours=chance.choice([0, 7]))

    async with world.api.db.transaction(Context("acme")) as session:
        sold = await service.sold(session, CURRENCY, EDGES, until)
        refunded = dict(await service.refunded(session, CURRENCY, EDGES, until))
        lived = await service.lived(session, CURRENCY, EDGES, until)
        currencies = await service.currencies(session)

    found = {where: tuple(told) for where, *told in sold}
    whole = found.pop(None)
    by_day = {day: book.sold(EDGES[day], EDGES[day + 1], until) for day in range(DAYS)}
    assert found == {day: told for day, told in by_day.items() if told[0]}
    assert whole == book.sold(START, until, until)
    assert {(cohort, where): net for cohort, where, net, _ in lived} == book.lived(until)
    sizes = {cohort: size for cohort, where, _, size in lived if where == cohort}
    assert sum(sizes.values()) == whole[3]
    assert currencies == sorted({order.total.currency for order in book.orders})
    back = [
        (place(refund.refunded_at), refund.amount.amount)
        for order in book.orders
        for refund in book.refunds.get(order.order_id, [])
        if order.total.currency == CURRENCY and START <= refund.refunded_at < until
    ]
    assert refunded == {day: sum(amount for at, amount in back if at == day) for day in {at for at, _ in back}}
