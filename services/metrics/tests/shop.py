"""A shop that tells of its orders and refunds, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from opsloop_metrics.capture.rules import Refused


def an_order(order_id: str, amount: int = 1000, when: str = "03-01T10:00", **fields: Any) -> dict[str, Any]:
    """Return an order of 2026, in UTC; `user_id` is u1 and the currency CNY unless it says otherwise."""
    total = {"amount": amount, "currency": fields.pop("currency", "CNY")}
    return {"order_id": order_id, "user_id": "u1", "total": total, "ordered_at": f"2026-{when}:00Z"} | fields


def a_refund(refund_id: str, amount: int, when: str = "03-02T10:00", **fields: Any) -> dict[str, Any]:
    """Return a refund of 2026, in UTC."""
    money = {"amount": amount, "currency": fields.pop("currency", "CNY")}
    return {"refund_id": refund_id, "amount": money, "refunded_at": f"2026-{when}:00Z"} | fields


class Shop:
    """Tells a world of orders."""

    def __init__(self, world: Any) -> None:
        self.world = world

    async def order(self, *given: Any, expect: int = 201, **fields: Any) -> Any:
        return await self.world.post("/v1/orders", an_order(*given, **fields), expect)

    async def refund(self, order_id: str, *given: Any, expect: int = 201, **fields: Any) -> Any:
        return await self.world.post(refunds_of(order_id), a_refund(*given, **fields), expect)

    async def get(self, order_id: str, **options: Any) -> httpx.Response:
        answer: httpx.Response = await self.world.send("GET", one(order_id), **options)
        return answer


def refusal(read: Callable[[Any], Any], row: dict[str, str]) -> tuple[str, str]:
    """Return why a row of a file is refused: reason and words."""
    with pytest.raises(Refused) as refused:
        read(row)
    return str(refused.value.reason), refused.value.detail


def one(order_id: str) -> str:
    """Return the path of an order."""
    return f"/v1/orders/{quote(order_id, safe='')}"


def refunds_of(order_id: str) -> str:
    """Return the path of an order's refunds."""
    return f"{one(order_id)}/refunds"
