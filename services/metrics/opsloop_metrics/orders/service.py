"""Use cases of orders: take in orders and refunds, each once; forget whose they were; take back what a file brought."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ARRAY, Text, any_, delete, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.ids import uuid7
from opsloop_metrics.orders import queries, rules
from opsloop_metrics.orders.models import CustomerOrder, Refund
from opsloop_metrics.people import service as people

currencies, sold, refunded, lived = queries.currencies, queries.sold, queries.refunded, queries.lived
has_any_of = queries.has_any_of
commonest_currency, scored = queries.commonest_currency, queries.scored


_TOLD_AS = {"minor_amount": "amount", "ordered_at": "time", "kind": "type"}
"""What the columns of an order are called in a file, where that is something else."""


async def record_order(
    session: AsyncSession, given: rules.Order, *, import_id: UUID | None = None
) -> tuple[CustomerOrder, bool]:
    """Take an order in; returns it, and whether it is new. Raises Conflict for the id of another order, and of who was erased."""
    if await people.erased_among(session, [given.user_id]):
        raise rules.Disagrees("user_id", "This person was erased; nothing of theirs is taken in any more.")
    said = {
        "order_id": given.order_id,
        "user_id": given.user_id,
        "minor_amount": given.total.amount,
        "currency": given.total.currency,
        "ordered_at": given.ordered_at,
        "kind": given.kind,
        "product": given.product,
        "source": given.source,
    }
    own = {"id": uuid7(), "workspace": context_of(session).workspace, "created_at": clock_of(session).now()}
    made = insert(CustomerOrder).values(said | own | {"refunded_minor": 0, "import_id": import_id})
    order = await session.scalar(made.on_conflict_do_nothing().returning(CustomerOrder))
    if order is not None:
        return order, True
    order = await queries.get_order(session, given.order_id)
    other = next((name for name, value in said.items() if getattr(order, name) != value), None)
    if other is not None:
        name = _TOLD_AS.get(other, other)
        raise rules.Disagrees(name, "There is another order with this order_id; what was ordered does not change.")
    return order, False


async def record_refund(
    session: AsyncSession, order_id: str, given: rules.Refund, *, import_id: UUID | None = None
) -> tuple[Refund, bool]:
    """Take a refund in; returns it, and whether it is new. Raises NotFound, and Conflict, which tells what is left to refund.

    Why something went back to who was erased is neither kept nor compared.
    """
    order = await queries.lock_order(session, order_id)
    is_nobodys = order.user_id is None or bool(await people.erased_among(session, [order.user_id]))
    known = await queries.find_refund(session, order, given.refund_id)
    if known is not None:
        told = {
            "amount": known.minor_amount == given.amount.amount,
            "currency": known.currency == given.amount.currency,
            "time": known.refunded_at == given.refunded_at,
            "reason": known.reason == given.reason or is_nobodys,
        }
        other = next((name for name, is_same in told.items() if not is_same), None)
        if other is not None:
            detail = "The order has another refund with this refund_id; what went back does not change."
            raise rules.Disagrees(other, detail)
        return known, False
    rules.require_refundable(order.total, order.refunded_minor, given.amount)
    order.refunded_minor += given.amount.amount
    refund = Refund(
        id=uuid7(),
        workspace=order.workspace,
        customer_order_id=order.id,
        refund_id=given.refund_id,
        minor_amount=given.amount.amount,
        currency=order.currency,
        refunded_at=given.refunded_at,
        reason=None if is_nobodys else given.reason,
        created_at=clock_of(session).now(),
        import_id=import_id,
    )
    session.add(refund)
    await session.flush()
    return refund, True


async def take_row(session: AsyncSession, row: rules.Order | rules.RefundRow, *, import_id: UUID) -> bool:
    """Take in a row of a file; says whether it is new. Raises as the orders and refunds do that are told one by one."""
    if isinstance(row, rules.Order):
        return (await record_order(session, row, import_id=import_id))[1]
    return (await record_refund(session, row.order_id, row.refund, import_id=import_id))[1]


async def forget_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Take out whose orders were, and why they were refunded; what was paid stays, so that books add up."""
    own = CustomerOrder.workspace == context_of(session).workspace
    theirs = (own, CustomerOrder.user_id == any_(literal(list(user_ids), ARRAY(Text))))
    await queries.lock_orders(session, *theirs)
    of_them = select(CustomerOrder.id).where(*theirs)
    await session.execute(update(Refund).where(Refund.customer_order_id.in_(of_them)).values(reason=None))
    await session.execute(update(CustomerOrder).where(*theirs).values(user_id=None))


async def take_back(session: AsyncSession, import_id: UUID) -> int:
    """Take out the orders and refunds that a file brought; returns how many. A refund of such an order goes with it."""
    brought = select(Refund.customer_order_id, func.sum(Refund.minor_amount).label("amount"))
    sums = brought.where(Refund.import_id == import_id).group_by(Refund.customer_order_id).subquery()
    its_own = or_(CustomerOrder.import_id == import_id, CustomerOrder.id.in_(select(sums.c.customer_order_id)))
    await queries.lock_orders(session, its_own)
    less = {"refunded_minor": CustomerOrder.refunded_minor - sums.c.amount}
    await session.execute(update(CustomerOrder).where(CustomerOrder.id == sums.c.customer_order_id).values(less))
    gone = [
        await session.execute(delete(model).where(model.import_id == import_id).returning(model.id))
        for model in (Refund, CustomerOrder)
    ]
    return sum(len(found.all()) for found in gone)
