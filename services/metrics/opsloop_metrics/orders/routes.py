"""HTTP doors of orders and refunds."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query, Response

from opsloop_common.http.deps import Db, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import GivenId, Timestamp, UserId
from opsloop_metrics.orders import queries, rules, service
from opsloop_metrics.orders.schemas import Currency, MoneyIn, OrderIn, OrderOut, RefundIn, RefundOut

router = ApiRouter(tags=["orders"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")
ONE = "/v1/orders/{order_id:path}"  # below every longer path: an id may hold slashes


def _known(shape: type[Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": shape, "description": "It was there already, with the same content."}}


def _money(given: MoneyIn) -> rules.Money:
    return rules.Money(given.amount, given.currency)


def _path(order_id: str) -> str:
    return f"/v1/orders/{quote(order_id, safe='')}"


@router.post("/v1/orders", status_code=201, dependencies=[WRITE], responses=_known(OrderOut) | problems(409))
async def create_order(body: OrderIn, session: Db, response: Response) -> OrderOut:
    """Tell of an order. Told again with the same content it changes nothing (200), with another one it is refused (409)."""
    given = rules.Order(
        body.order_id,
        body.user_id,
        _money(body.total),
        body.ordered_at,
        kind=body.kind,
        product=body.product,
        source=body.source,
    )
    order, is_new = await service.record_order(session, given)
    response.status_code = 201 if is_new else 200
    set_location(response, _path(order.order_id))
    return OrderOut.model_validate(order)


@router.get("/v1/orders", dependencies=[READ])
async def list_orders(
    session: Db,
    page: PageQuery,
    user_id: Annotated[UserId | None, Query(description="Only orders under this id.")] = None,
    start: Annotated[Timestamp | None, Query(alias="from", description="Ordered then or later.")] = None,
    to: Annotated[Timestamp | None, Query(description="Ordered before.")] = None,
    currency: Annotated[Currency | None, Query(description="Only orders paid in it.")] = None,
) -> Listing[OrderOut]:
    """List orders, the latest first."""
    wanted = queries.orders(session, user_id=user_id, start=start, end=to, currency=currency)
    return (await paginate(session, wanted, page, by=queries.NEWEST_FIRST)).map(OrderOut.model_validate)


@router.post(f"{ONE}/refunds", status_code=201, dependencies=[WRITE], responses=_known(RefundOut) | problems(404, 409))
async def create_refund(order_id: GivenId, body: RefundIn, session: Db, response: Response) -> RefundOut:
    """Tell of a refund. All of an order's never exceed its total; a 409 says in `left` what may still go back."""
    given = rules.Refund(body.refund_id, _money(body.amount), body.refunded_at, body.reason)
    refund, is_new = await service.record_refund(session, order_id, given)
    response.status_code = 201 if is_new else 200
    set_location(response, f"{_path(order_id)}/refunds")
    return RefundOut.model_validate(refund)


@router.get(f"{ONE}/refunds", dependencies=[READ], responses=problems(404))
async def list_refunds(order_id: GivenId, session: Db, page: PageQuery) -> Listing[RefundOut]:
    """List the refunds of an order, the latest first."""
    order = await queries.get_order(session, order_id)
    found = await paginate(session, queries.refunds(order), page, by=queries.LATEST_FIRST)
    return found.map(RefundOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_order(order_id: GivenId, session: Db) -> OrderOut:
    """Show an order."""
    return OrderOut.model_validate(await queries.get_order(session, order_id))
